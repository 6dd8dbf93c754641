"""What a reader of the text alone can tell is not called internal: words, characters, length, embedding."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unsinter.studies.separation import Pair, judge_arrays
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.contrasts.text_scores import text_scores
from unsinter.studies.separation.inputs.folds import deal_groups
from unsinter.studies.separation.inputs.held_fixed import covariate_columns, text_length

N, D = 400, 24
VOCABULARY = np.array([f"{stem}{number}" for number in range(1500) for stem in ("lo", "ki")])


def filler(n, rng, words=18):
    return [list(rng.choice(VOCABULARY, words)) for _ in range(n)]


def nonsense(rng, ending):
    """A word that occurs once, with an ending that tells."""
    return "".join(rng.choice(list("aeioumnrst"), 7)) + ending


def told_by(what, rng):
    """Labels and texts, or an embedding, of which this reader alone tells both labels."""
    z, w = rng.integers(0, 2, (2, N))
    fields = {}
    if what == "words":
        texts = [
            [*words, ("alpha", "beta")[a], ("gamma", "delta")[b]]
            for words, a, b in zip(filler(N, rng), z, w, strict=True)
        ]
    elif what == "characters":
        texts = [
            [nonsense(rng, ("x", "v")[a] + ("q", "j")[b]) for _ in range(12)]
            for a, b in zip(z, w, strict=True)
        ]
    elif what == "length":
        size = np.exp(2.9 + 0.4 * rng.standard_normal(N)).astype(int) + 2
        texts = [list(rng.choice(VOCABULARY, k)) for k in size]
        log = np.log1p([len(" ".join(text)) for text in texts])
        low, middle, high = np.quantile(log, (0.25, 0.5, 0.75))
        z, w = (log > middle).astype(int), ((log > low) & (log < high)).astype(int)
    else:
        E = rng.standard_normal((N, 8))
        E[:, 0] += 8 * z
        E[:, 1] += 8 * w
        return z, w, {"embedding": E}
    fields["text"] = [" ".join(words) for words in texts]
    return z, w, fields


@pytest.fixture(scope="module", params=["words", "characters", "length", "embedding"])
def judgement(request, noise):
    """Activations that code exactly what one reader of the text tells."""
    rng = np.random.default_rng(["words", "characters", "length", "embedding"].index(request.param))
    z, w, fields = told_by(request.param, rng)
    X = noise(N, D, rng) + 4 * (np.outer(z, np.eye(D)[0]) + np.outer(w, np.eye(D)[1]))
    return request.param, X, Pair(name="p", z=z, w=w, groups=np.arange(N)), fields


def test_what_the_text_alone_tells_is_not_called_separable(judgement):
    what, X, pair, fields = judgement
    assert judge_arrays(X, pair).verdict == "separable"  # so it would be without the text
    result = judge_arrays(X, replace(pair, **fields))
    assert result.verdict in ("undetermined", "neither")
    if what != "length":  # which is held fixed besides
        assert "no usable bits" in result.reason


def test_a_text_that_tells_nothing_withholds_nothing(noise):
    rng = np.random.default_rng(7)
    z, w = rng.integers(0, 2, (2, N))
    X = noise(N, D, rng) + 4 * (np.outer(z, np.eye(D)[0]) + np.outer(w, np.eye(D)[1]))
    texts = [" ".join(words) for words in filler(N, rng)]
    pair = Pair(name="p", z=z, w=w, groups=np.arange(N), text=texts, embedding=rng.standard_normal((N, 8)))
    result = judge_arrays(X, pair)
    assert result.verdict == "separable"
    assert result.evidence.bits_first.value > 0.5


def test_text_that_tells_one_factor_only_withholds_that_one(noise):
    rng = np.random.default_rng(8)
    z, w = rng.integers(0, 2, (2, N))
    X = noise(N, D, rng) + 4 * (np.outer(z, np.eye(D)[0]) + np.outer(w, np.eye(D)[1]))
    texts = [" ".join([*words, ("alpha", "beta")[a]]) for words, a in zip(filler(N, rng), z, strict=True)]
    result = judge_arrays(X, Pair(name="p", z=z, w=w, groups=np.arange(N), text=texts))
    assert result.verdict == "undetermined"
    assert "the first factor" in result.reason
    assert "the second factor" not in result.reason


def test_every_reader_has_held_out_scores_of_both_factors(noise):
    rng = np.random.default_rng(9)
    z, w = rng.integers(0, 2, (2, 200))
    pair = Pair(name="p", z=z, w=w, groups=np.arange(200))
    texts = [" ".join(words) for words in filler(200, rng)]
    folds = deal_groups(pair.groups, pair.cells, n_folds=5, seed=0)
    designs = [make_contrast(pair).plain_design()]
    embedding = noise(200, 6, rng)
    (scores,) = text_scores(texts, embedding, designs, folds)
    curve = covariate_columns(text_length(texts)).T
    assert len(curve) >= 2
    # Words, characters, steps of the length, the columns of its curve, then the embedding.
    assert scores.shape == (2, 3 + len(curve) + 1, 200)
    assert np.isfinite(scores).all()
    for own in scores:
        np.testing.assert_allclose(own[3:-1], curve)
    (alone,) = text_scores(None, embedding, designs, folds)
    assert alone.shape == (2, 1, 200)
    np.testing.assert_allclose(scores[:, -1:], alone)
    # No score of a row follows its own labels: those of one fold turned round change none of its scores.
    turned = np.where(folds == 2, 1 - z, z)
    other = make_contrast(replace(pair, z=turned)).plain_design()
    (changed,) = text_scores(texts, None, [other], folds)
    np.testing.assert_allclose(changed[0, :, folds == 2], scores[0, :-1, folds == 2])
    for reader in range(3):
        assert not np.allclose(changed[0, reader, folds == 1], scores[0, reader, folds == 1])
    np.testing.assert_allclose(changed[1], scores[1, :-1])  # the other factor's labels are as before


def test_steps_of_the_length_are_read_that_no_curve_follows():
    """A label that changes with every few characters: the tree's held-out scores tell it."""
    rng = np.random.default_rng(10)
    size = rng.integers(20, 100, 600)
    z, w = size // 10 % 2, rng.integers(0, 2, 600)
    pair = Pair(name="p", z=z, w=w, groups=np.arange(600))
    texts = ["".join(rng.choice(list("aeioumnrst"), k)) for k in size]
    folds = deal_groups(pair.groups, pair.cells, n_folds=5, seed=0)
    (scores,) = text_scores(texts, None, [make_contrast(pair).plain_design()], folds)
    assert roc_auc_score(z, scores[0, 2]) > 0.95
    assert roc_auc_score(w, scores[1, 2]) < 0.6
    assert max(abs(roc_auc_score(z, column) - 0.5) for column in scores[0, 3:]) < 0.2


def test_features_are_read_as_activations_are(noise):
    rng = np.random.default_rng(11)
    z, w = rng.integers(0, 2, (2, 300))
    pair = Pair(name="p", z=z, w=w, groups=np.arange(300))
    folds = deal_groups(pair.groups, pair.cells, n_folds=5, seed=0)
    features = noise(300, 6, rng) + 3 * np.outer(z, np.eye(6)[0])
    (scores,) = text_scores(features, noise(300, 4, rng), [make_contrast(pair).plain_design()], folds)
    assert scores.shape == (2, 2, 300)
    assert roc_auc_score(z, scores[0, 0]) > 0.95
    assert abs(roc_auc_score(z, scores[0, 1]) - 0.5) < 0.15
