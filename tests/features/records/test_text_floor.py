"""Text floors: what scikit-learn gives by hand, and nothing of the test rows is seen in training."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unsinter.features.records.duplicates import group_prompts
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.text_floor import (
    character_vectorizer,
    floor_scores,
    ngram_features,
    text_floor,
    word_vectorizer,
)

TEXTS = [
    "bake a loaf of bread", "bake bread at home", "bread with seeds", "a loaf for lunch",
    "paint the garden fence", "paint a wall blue", "a fence of wood", "blue wooden wall",
    "ride the night train", "train to the coast", "night ride by train", "coast and train",
]  # fmt: skip
Y = ["bread"] * 4 + ["paint"] * 4 + ["train"] * 4
TRAIN = np.array([0, 1, 2, 4, 5, 6, 8, 9, 10])
TEST = np.array([3, 7, 11])


def test_the_word_floor_is_scikit_learn_by_hand():
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    X = vectorizer.fit_transform([TEXTS[i] for i in TRAIN])
    by_hand = LogisticRegression(C=0.5).fit(X, [Y[i] for i in TRAIN])
    scores = floor_scores(TEXTS, Y, train=TRAIN, test=TEST, penalty=2.0)
    assert scores.classes == ("bread", "paint", "train")
    expected = by_hand.predict_proba(vectorizer.transform([TEXTS[i] for i in TEST]))
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(
        np.exp(scores.decision[:, 0] - scores.decision[:, 1]), expected[:, 0] / expected[:, 1], rtol=1e-3
    )
    assert scores.probabilities.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["words", "characters", "length"])
def test_two_classes_give_one_log_odds_per_row(kind):
    y = np.array([0, 1] * 6)
    scores = floor_scores(TEXTS, y, train=TRAIN, test=TEST, kind=kind)
    assert scores.decision.shape == (3,)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores.decision)), scores.probabilities[:, 1])


@pytest.mark.parametrize("kind", ["words", "characters", "length"])
def test_test_rows_change_nothing_that_is_fitted(kind):
    changed = [text if i in TRAIN else "quite other words zzz" * 9 for i, text in enumerate(TEXTS)]
    changed[3] = TEXTS[3]
    before = floor_scores(TEXTS, Y, train=TRAIN, test=TEST, kind=kind)
    after = floor_scores(changed, Y, train=TRAIN, test=TEST, kind=kind)
    np.testing.assert_array_equal(before.probabilities[0], after.probabilities[0])


def test_the_length_floor_reads_length_and_nothing_else():
    texts = ["a" * n for n in range(1, 41)]
    y = [length > 20 for length in range(1, 41)]
    scores = floor_scores(texts, y, train=np.arange(0, 40, 2), test=np.arange(1, 40, 2), kind="length")
    assert roc_auc_score([y[i] for i in range(1, 40, 2)], scores.decision) == 1.0


def test_unusable_input_is_refused_in_words():
    with pytest.raises(ValueError, match="1 rows are in both train and test"):
        floor_scores(TEXTS, Y, train=TRAIN, test=np.array([0]))
    with pytest.raises(ValueError, match="2 training rows have no label"):
        floor_scores(TEXTS, [None, None, *Y[2:]], train=TRAIN, test=TEST)
    with pytest.raises(ValueError, match=r"one class only \(\('bread',\)\)"):
        floor_scores(TEXTS, Y, train=np.array([0, 1]), test=TEST)
    with pytest.raises(ValueError, match="No training text holds a word"):
        floor_scores(["?", "!", "..."], [0, 1, 0], train=np.array([0, 1]), test=np.array([2]))
    with pytest.raises(ValueError, match="one entry per row; got 12 and 3"):
        floor_scores(TEXTS, Y[:3], train=TRAIN, test=TEST)
    with pytest.raises(ValueError, match="kind must be one of words, characters, length, got 'bytes'"):
        text_floor("bytes")
    with pytest.raises(ValueError, match="penalty must be above 0, got 0"):
        text_floor("words", penalty=0)


def test_words_alone_tell_harm_on_the_real_prompts_as_their_makers_measured(shared_data):
    records = read_prompts(sorted(shared_data.glob("prompts*.jsonl")), columns={"group": "split_group"})
    labels = np.array(group_prompts(records).labels)
    held_out = np.isin(labels, np.random.default_rng(0).permutation(np.unique(labels))[:1200])
    texts, y = [r.prompt for r in records], np.array([r.harmful for r in records])
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    auroc = {
        kind: roc_auc_score(y[test], floor_scores(texts, y, train=train, test=test, kind=kind).decision)
        for kind in ("words", "length")
    }
    # The makers of the data report .96 for words and .65 for length over the whole set.
    assert auroc["words"] == pytest.approx(0.96, abs=0.015)
    assert auroc["length"] == pytest.approx(0.65, abs=0.04)


@pytest.mark.parametrize(
    ("kind", "vectorizer"), [("words", word_vectorizer), ("characters", character_vectorizer)]
)
def test_ngrams_counted_once_are_those_of_a_vectorizer_fitted_on_the_training_rows(kind, vectorizer):
    fitted = vectorizer()
    known = fitted.fit_transform([TEXTS[i] for i in TRAIN])
    held_out = fitted.transform([TEXTS[i] for i in TEST])
    for mine, theirs in zip(
        ngram_features(TEXTS, kind, train=TRAIN, test=TEST), (known, held_out), strict=True
    ):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine.toarray(), theirs.toarray(), rtol=1e-14, atol=0)


def test_training_rows_without_a_word_have_no_ngrams():
    with pytest.raises(ValueError, match="No training text holds a word, so there is no floor of words"):
        ngram_features(["?", "!", "a word"], "words", train=np.array([0, 1]), test=np.array([2]))
