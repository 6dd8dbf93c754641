"""A run folder may come from anyone: changed files are read, or refused by an error of ours."""

import random

import pytest
from hostile_files import RunFolder, is_named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def hostile_run(write_bare_run, tmp_path_factory):
    return RunFolder(write_bare_run(tmp_path_factory.mktemp("hostile") / "run"))


def read_one(hostile_run, seed):
    try:
        hostile_run.run(random.Random(seed).randrange)
    except Exception as error:
        if not is_named(error):
            raise


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_a_changed_summary_or_study_is_read_or_refused_by_name(hostile_run, seed):
    read_one(hostile_run, seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_changed_runs_are_read_or_refused_by_name(hostile_run):
    for seed in range(20_000):
        read_one(hostile_run, seed)
