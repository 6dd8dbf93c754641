"""Planted worlds: harm is one direction for every category, or a direction of its own for each."""

from dataclasses import dataclass

import numpy as np
import pytest

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.splits import Split

CATEGORIES = ["fire", "flood", "frost"]


@dataclass
class World:
    """A dataset with its activations; a quarter of the groups is held out."""

    dataset: Dataset
    X: np.ndarray

    def read(self, layer, position):
        """Site 1 carries harm, site 0 is noise of the same shape."""
        noise = np.random.default_rng(99).normal(size=self.X.shape)
        return self.X if layer == 1 else noise


def make_dataset(records, groups):
    ids = [record["id"] for record in records]
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    split = Split(ids=tuple(ids), groups=tuple(groups), folds=tuple(order[g] // 6 % 4 for g in groups))
    return Dataset(
        prompts=tuple(PromptRecord.model_validate(record) for record in records),
        ids=np.array(ids, dtype=np.str_),
        groups=np.array(groups, dtype=np.str_),
        split=split,
    )


def shift(X, categories, *, shared, size):
    """Move harmful rows along axis 0 (shared), or along the axis of their category."""
    for axis, name in enumerate(CATEGORIES):
        X[categories == name, 0 if shared else axis] += size
    return X


@pytest.fixture
def make_world():
    """Make a world of single rows or of twins (a harmful and a harmless row in one group)."""

    def make(*, n=1200, shared=True, size=2.0, d=6, seed=0, sources=("north", "south"), twins=False):
        rng = np.random.default_rng(seed)
        names = np.array([CATEGORIES[i // 2 % 3] if i % 2 else "harmless" for i in range(n)])
        groups = [f"g{i // 2 if twins else i:05d}" for i in range(n)]
        records = [
            {
                "id": f"p{i:05d}",
                "prompt": " ".join(rng.choice(["red", "green", "blue", "dark", "light"], size=6)),
                "harmful": name != "harmless",
                "category": name if name != "harmless" else None,
                "source": sources[int(rng.integers(len(sources)))],
            }
            for i, name in enumerate(names)
        ]
        X = shift(rng.normal(size=(n, d)), names, shared=shared, size=size)
        return World(dataset=make_dataset(records, groups), X=X)

    return make
