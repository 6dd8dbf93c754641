from pathlib import Path

import numpy as np
import pytest

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.dataset import Dataset, refusal_to_score, target_rows
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.splits import Split
from unsinter.studies.data.targets import Target


def target(labels, name="R"):
    return Target(name=name, labels=np.array(labels), classes=("compliance", "refusal"))


def dataset(n):
    """Twin pairs; every fourth pair is held out."""
    ids = tuple(f"p{i:03d}" for i in range(n))
    groups = tuple(f"g{i // 2:03d}" for i in range(n))
    return Dataset(
        prompts=tuple(PromptRecord(id=i, prompt=f"text {i}", harmful=True, category="fraud") for i in ids),
        ids=np.array(ids),
        groups=np.array(groups),
        split=Split(ids=ids, groups=groups, folds=tuple(i // 2 % 4 for i in range(n))),
    )


def test_masked_rows_are_on_no_side_and_fold_zero_is_held_out():
    made = dataset(160)
    labels = np.tile(["compliance", "refusal"], 80)
    labels[[0, 2]] = ""  # one held-out row, one training row
    rows = target_rows(made, target(labels), n_folds=3, seed=0)
    np.testing.assert_array_equal(rows.test, np.flatnonzero(np.arange(160) // 2 % 4 == 0)[1:])
    np.testing.assert_array_equal(rows.train, np.setdiff1d(np.flatnonzero(np.arange(160) // 2 % 4), [2]))


def test_twins_stay_in_one_inner_fold():
    made = dataset(160)
    rows = target_rows(made, target(np.tile(["compliance", "refusal"], 80)), n_folds=3, seed=0)
    folds = {}
    for group, fold in zip(made.groups[rows.train], rows.inner, strict=True):
        folds.setdefault(group, set()).add(int(fold))
    assert {len(result) for result in folds.values()} == {1}
    assert set.union(*folds.values()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("refusals", "part"),
    [([0], "training rows hold only 'compliance'"), ([4], "held-out rows hold only 'compliance'"),
     ([0, 4, 6], "rows outside inner fold 0 hold only 'compliance'")],
)  # fmt: skip
def test_a_class_on_one_side_only_is_not_studied(refusals, part):
    labels = np.full(12, "compliance", dtype="<U10")
    labels[refusals] = "refusal"
    rows = Rows(train=np.arange(4, 12), test=np.arange(4), inner=np.tile([0, 1], 4))
    assert part in refusal_to_score(target(labels), rows)


def test_classes_on_every_side_can_be_scored():
    rows = Rows(train=np.arange(4, 12), test=np.arange(4), inner=np.repeat([0, 1], 4))
    assert refusal_to_score(target(np.tile(["compliance", "refusal"], 6)), rows) is None


def test_near_copies_without_a_given_group_stay_on_one_side():
    from unsinter.studies.data.dataset import make_dataset
    from unsinter.studies.study.file import parse_study

    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    texts = [" ".join("".join(rng.choice(letters, size=7)) for _ in range(6)) for _ in range(60)]
    prompts = [
        PromptRecord(id=f"{i:03d}{copy}", prompt=text + copy, harmful=bool(i % 2), category="fraud")
        for i, text in enumerate(texts)
        for copy in ("", "!", " Thanks")
    ]
    table = {"name": "x", "models": [{"name": "m", "path": "p"}], "prompts": {}, "targets": ["D"]}
    made = make_dataset(prompts, parse_study(table | {"min_groups": 2}, origin=Path("x.yaml")))
    sides = made.is_test.reshape(-1, 3)
    assert (sides == sides[:, :1]).all()
    assert 0.1 < sides[:, 0].mean() < 0.5
