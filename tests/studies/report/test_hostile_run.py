"""A run folder may come from anyone: changed files are read, or refused by an error of ours."""

import json
import random
import shutil
from functools import cache

import pytest
import yaml
from hostile_files import RunFolder, fast_folder, is_named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.studies.report.evidence.run_data import ReportError, read_evidence
from unsinter.studies.tables import read


@pytest.fixture(scope="module")
def hostile_run(write_bare_run):
    folder, parsed = fast_folder(), cache(read.read_table)
    with pytest.MonkeyPatch.context() as patch:
        # Only summary and study are changed: of the tables the same bytes are parsed once.
        patch.setattr(read, "read_table", lambda data: parsed(data).copy())
        yield RunFolder(write_bare_run(folder / "run"))
    shutil.rmtree(folder)


def read_one(hostile_run, seed):
    try:
        hostile_run.run(random.Random(seed).randrange)
    except Exception as error:
        if not is_named(error):
            raise


@pytest.mark.parametrize(
    ("file", "field", "value", "words"),
    [
        ("summary.json", "notes", 3, r"summary\.json, notes: input should be a valid list"),
        (
            "summary.json",
            "models",
            {"encoder": {"selected": "all"}},
            r"models\.encoder\.selected: input should",
        ),
        ("study.yaml", "models", 5, r"study\.yaml, models: input should be a valid list"),
        ("study.yaml", "models", [{"path": "x"}], r"models\.0\.name: field required"),
    ],
)
def test_a_field_of_another_type_is_named(write_bare_run, tmp_path, file, field, value, words):
    run = write_bare_run(tmp_path / "run")
    table = yaml.safe_load((run / file).read_text(encoding="utf-8"))
    (run / file).write_text(json.dumps(table | {field: value}), encoding="utf-8")
    with pytest.raises(ReportError, match=words):
        read_evidence(run)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_a_changed_summary_or_study_is_read_or_refused_by_name(hostile_run, seed):
    read_one(hostile_run, seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_changed_runs_are_read_or_refused_by_name(hostile_run):
    for seed in range(20_000):
        read_one(hostile_run, seed)
