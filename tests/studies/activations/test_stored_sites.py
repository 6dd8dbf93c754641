"""A reader that is sent to another process: where its rows lie, and none of them."""

import pickle

import numpy as np
import pytest

from unsinter.cache import ActivationStore, CacheError
from unsinter.studies.activations.stored_sites import StoredSites


@pytest.fixture
def stored(tmp_path):
    keys = [f"{number:064x}" for number in range(40)]
    store = ActivationStore.open(tmp_path / "cache", {"weights": "w"})

    def produce(rows, layers, positions):
        values = np.array([int(row, 16) for row in rows], dtype=np.float32)
        return {layer: np.tile((values + layer)[:, None, None], (1, len(positions), 512)) for layer in layers}

    store.fill(keys, layers=[0, 1], positions=["end"], produce=produce, dtype="float32")
    is_present = np.ones(41, dtype=bool)
    is_present[7] = False
    return StoredSites(store=store, keys=keys, is_present=is_present)


def test_what_is_sent_holds_no_activation_and_reads_the_same(stored):
    sent = pickle.dumps(stored.to_send())
    assert len(sent) < 5_000 < stored(1, "end").nbytes
    there = pickle.loads(sent)(1, "end")
    expected = np.array([number + 1 for number in range(40)], dtype=np.float32)
    np.testing.assert_array_equal(there[np.arange(41) != 7, 0], expected)
    np.testing.assert_array_equal(there[7], 0)
    np.testing.assert_array_equal(there, stored(1, "end"))


def test_a_process_that_does_not_see_the_cache_says_so(stored, tmp_path):
    sent = pickle.dumps(stored)
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match=r"identity\.json"):
        pickle.loads(sent)
