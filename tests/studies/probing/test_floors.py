from dataclasses import replace

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from unsinter.features.records.text_floor import PENALTIES
from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.floors import label_floor, text_floors
from unsinter.studies.probing.types import score

STYLES = ("apology", "cannot", "decline", "policy")


def rows(n):
    return Rows(train=np.arange(0, n, 2), test=np.arange(1, n, 2), inner=np.arange(n // 2) % 3)


def test_the_category_floor_is_near_perfect_where_wording_follows_category():
    rng = np.random.default_rng(0)
    categories = np.array([f"c{i}" for i in rng.integers(0, 8, size=800)])
    wording = np.array([STYLES[int(name[1]) % 4] for name in categories])
    noise = rng.random(800) < 0.15
    wording[noise] = rng.choice(STYLES, size=noise.sum())
    target = Target(name="W", labels=wording, classes=STYLES)
    floor = label_floor("category", target, categories, rows(800))
    truth = wording[1::2]
    rule = [STYLES[int(name[1]) % 4] for name in categories[1::2]]
    assert score(target, floor.scores, truth)[0] == f1_score(truth, rule, average="macro")
    assert score(target, floor.scores, truth)[0] > 0.8


def test_the_category_floor_reads_no_test_label():
    categories = np.array(["seen", "unseen"] * 20)
    wording = np.where(categories == "seen", "apology", "cannot")
    target = Target(name="W", labels=wording, classes=("apology", "cannot"))
    floor = label_floor("category", target, categories, rows(40))  # training rows hold "seen" only
    assert np.unique(floor.scores).tolist() == [0.0]


def test_the_word_floor_finds_a_word_that_gives_the_label_away():
    texts = [f"please {'steal' if i % 4 < 2 else 'wash'} the car number {i}" for i in range(80)]
    labels = np.array(["harmful" if "steal" in text else "harmless" for text in texts])
    target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
    split = Rows(train=np.arange(60), test=np.arange(60, 80), inner=np.arange(60) % 3)
    words = next(floor for floor in text_floors(target, texts, split) if floor.name == "words")
    assert roc_auc_score(labels[60:] == "harmful", words.scores) == 1.0


def test_a_class_the_training_rows_lack_leaves_the_others_their_own_scores():
    """``b`` is in no training row: its column stays the lowest and ``c`` does not slip into it."""
    labels = np.array(["a", "c"])[np.arange(80) % 2]
    labels[[61, 63]] = "b"
    texts = [f"the {'alpha' if i % 2 == 0 else 'gamma'} word" for i in range(80)]
    target = Target(name="C", labels=labels, classes=("a", "b", "c"))
    split = Rows(train=np.arange(60), test=np.arange(60, 80), inner=np.arange(60) % 3)
    words = next(floor for floor in text_floors(target, texts, split) if floor.name == "words")
    predicted = np.array(["a", "b", "c"])[words.scores.argmax(axis=1)]
    assert predicted.tolist() == np.array(["a", "c"])[np.arange(60, 80) % 2].tolist()


def test_a_category_the_training_rows_lack_gets_the_overall_shares():
    labels = np.array(["apology", "cannot", "cannot", "cannot"] * 10)
    target = Target(name="W", labels=labels, classes=("apology", "cannot"))
    categories = np.where(np.arange(40) < 32, "seen", "unseen")
    split = Rows(train=np.arange(32), test=np.arange(32, 40), inner=np.arange(32) % 3)
    assert label_floor("category", target, categories, split).scores.tolist() == [0.75] * 8


def test_the_penalty_of_a_floor_is_chosen_without_the_test_rows():
    """Scrambling the test rows' labels changes no floor's scores."""
    rng = np.random.default_rng(0)
    words = np.array(["tin", "oak", "fig", "elm", "ash", "yew", "bay", "box"])
    texts = [" ".join(rng.choice(words, size=6)) for _ in range(120)]
    labels = np.array(
        ["harmful" if text.count("fig") + rng.integers(0, 2) > 1 else "harmless" for text in texts]
    )
    split = Rows(train=np.arange(80), test=np.arange(80, 120), inner=np.arange(80) % 3)
    scrambled = labels.copy()
    scrambled[80:] = rng.permutation(labels[80:])
    for one, other in zip(
        text_floors(Target(name="D", labels=labels, classes=("harmless", "harmful")), texts, split),
        text_floors(Target(name="D", labels=scrambled, classes=("harmless", "harmful")), texts, split),
        strict=True,
    ):
        np.testing.assert_array_equal(one.scores, other.scores)


def test_floors_of_a_run_are_counted_by_their_fits(write_study, tmp_path):
    reports = []
    study = load_study(write_study(targets=["D"]))
    settings = Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache")
    run_study(study, replace(settings, progress=lambda *report: reports.append(report)))
    name = "tiny: floors and activation controls for D"
    floors = [(done, total) for step, done, total in reports if step == name]
    n_fits = 3 + 2 * len(PENALTIES) * study.inner_folds  # length has no penalty to choose
    total = n_fits + 1 + 2  # mean embeddings, and an untrained model's sites, which this study leaves out
    assert floors == [*((done, total) for done in range(n_fits + 1)), (total, total)]
