"""Verdicts that an earlier version wrote are shown as far as they go, or refused in one sentence."""

import json
import shutil

import pandas as pd
import pytest

from unsinter.studies import Run
from unsinter.studies.cli.commands.separate import SeparationError, separate_verb
from unsinter.studies.reasons.columns import REASON_DATA
from unsinter.studies.report.evidence.run_data import READABLE, ReportError, read_evidence
from unsinter.studies.report.write import make_page
from unsinter.studies.tables.columns import VERDICTS
from unsinter.studies.tables.run_tables import RUN_TABLES

SHOWN = [name for name in VERDICTS if name not in (*REASON_DATA, "used")]
NAMED = RUN_TABLES["verdicts"].needed
"""Without these a row says nothing of any pair at any site."""

LATER = [*SHOWN[SHOWN.index("distance_first") : SHOWN.index("hidden_second") + 1], "settles"]
"""What runs of schema 2 did not have."""


@pytest.fixture
def earlier_run(full_run, tmp_path):
    """Copy the run, as of a schema version, with a table of verdicts that lacks columns."""
    folder = shutil.copytree(full_run, tmp_path / "run")
    verdicts = pd.read_parquet(folder / "verdicts.parquet")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))

    def write(*, version, without):
        verdicts.drop(columns=list(without)).to_parquet(folder / "verdicts.parquet", index=False)
        text = json.dumps(summary | {"schema_version": version})
        (folder / "summary.json").write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.mark.parametrize("version", [version for version in READABLE if version < 4])
def test_whichever_column_is_missing_the_answer_is_given_or_refused_in_one_sentence(earlier_run, version):
    for name in set(VERDICTS) - set(NAMED):
        assert 0 < len(Run.open(earlier_run(version=version, without=[name])).answer) <= 6, name
    for name in NAMED:
        with pytest.raises(ReportError, match=rf"verdicts.parquet has no column {name}; run the study again"):
            Run.open(earlier_run(version=version, without=[name]))


def test_separate_names_a_column_that_it_needs_and_writes_nothing(earlier_run, tmp_path):
    out = tmp_path / "figures"
    for name in SHOWN:
        folder = earlier_run(version=3, without=[name])
        with pytest.raises(SeparationError, match=rf"verdicts.parquet lacks the column '{name}'; run the"):
            separate_verb(folder, pair=None, model=None, contrasts=False, out=out)
    assert not out.exists()


def test_the_page_of_a_run_of_schema_2_shows_what_its_verdicts_hold(earlier_run):
    page = make_page(read_evidence(earlier_run(version=2, without=[*LATER, *REASON_DATA]))).text
    assert "<html" in page


def test_the_page_of_a_run_of_schema_3_without_a_later_column_leaves_its_verdicts_out(earlier_run):
    folder = earlier_run(version=3, without=LATER)
    assert "<html" in make_page(read_evidence(folder)).text
    with pytest.raises(ReportError, match="no verdicts of sintered that can be drawn"):
        Run.open(folder).plot_verdicts(model="sintered")


def test_verdicts_of_a_run_that_is_older_than_the_causal_check_were_not_tested(earlier_run):
    run = Run.open(earlier_run(version=3, without=["used", *REASON_DATA]))
    assert set(run.verdicts["used"]) == {"not tested"}
    assert run.evidence.has_verdicts
