"""Thousands of changed files per reader: each is read, or refused by an error of ours, in no time."""

import random
import shutil
import time

import pytest
from cache_source import IDENTITY, fill, row_keys
from hostile_files import CacheFolder, Csv, Jsonl, Parquet, ProbeFile, StudyFile, fast_folder, is_named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.cache import ActivationStore

READERS = {
    "jsonl": Jsonl,
    "csv": Csv,
    "parquet": Parquet,
    "study": StudyFile,
    "probe": ProbeFile,
    "cache": None,
}
SECONDS = 5.0
"""For one file; on a busy machine. A file that hangs takes minutes."""


@pytest.fixture(scope="module")
def reader(request):
    folder = fast_folder()
    if request.param != "cache":
        yield READERS[request.param](folder)
    else:
        store = ActivationStore.open(folder / "cache", IDENTITY)
        fill(store, row_keys(5), rows_per_shard=2)
        yield CacheFolder(folder, store)
    shutil.rmtree(folder)


def read_one(reader, seed):
    draw = random.Random(seed).randrange
    begun = time.process_time()
    try:
        reader.run(draw)
    except Exception as error:
        if not is_named(error):
            raise
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("reader", list(READERS), indirect=True)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_a_changed_file_is_read_or_refused_by_name(reader, seed):
    read_one(reader, seed)


@pytest.mark.parametrize("reader", list(READERS), indirect=True)
@pytest.mark.parametrize(
    "n_files",
    [
        pytest.param(4_000, marks=pytest.mark.slow),
        pytest.param(20_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)]),
    ],
)
def test_thousands_of_changed_files_are_read_or_refused_by_name(reader, n_files):
    for seed in range(n_files):
        read_one(reader, seed)
