"""Stores that the cache tests share."""

from pathlib import Path

import pytest
from cache_source import IDENTITY, fill, row_keys

from unsinter.cache import ActivationStore


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    """An empty store."""
    return ActivationStore.open(tmp_path / "cache", IDENTITY)


@pytest.fixture
def filled(store: ActivationStore) -> ActivationStore:
    """A store of 20 rows in three shards of 8, 8 and 4."""
    fill(store, row_keys(20))
    return store
