"""A store that is known by its key alone."""

import numpy as np
import pytest
from cache_source import IDENTITY, LAYERS, POSITIONS, fill, row_keys

from unsinter.cache import ActivationStore, CacheError
from unsinter.cache.lookup import find_store

ROWS = row_keys(5)


@pytest.fixture
def store(tmp_path):
    made = ActivationStore.open(tmp_path, IDENTITY)
    fill(made, ROWS)
    return made


def test_the_store_of_a_key_holds_what_was_filled(store, tmp_path):
    result = find_store(tmp_path, store.key)
    assert result.key == store.key
    for layer in LAYERS:
        for position in POSITIONS:
            np.testing.assert_array_equal(
                result.read(layer, position, ROWS), store.read(layer, position, ROWS)
            )


def test_a_key_that_the_cache_has_not_is_none_and_nothing_is_written(tmp_path):
    assert find_store(tmp_path / "none", "a" * 64) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("key", ["", "../outside", "a" * 63, "A" * 64, "a" * 64 + "/.."])
def test_what_is_no_key_never_becomes_part_of_a_path(tmp_path, key):
    with pytest.raises(CacheError, match="64-digit"):
        find_store(tmp_path, key)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weights": "another"}', "\xff"])
def test_an_identity_that_is_not_the_folder_s_is_named(store, tmp_path, text):
    (store.path / "identity.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CacheError, match=r"identity.json .* move it away"):
        find_store(tmp_path, store.key)
