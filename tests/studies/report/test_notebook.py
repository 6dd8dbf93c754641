"""A finished run as an object in a notebook."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import unsinter.studies
from unsinter.studies import Run
from unsinter.studies.report.answer_lines import answer_lines
from unsinter.studies.report.run_data import ReportError, read_evidence
from unsinter.studies.store.site_weights import read_weights, weights_file


def test_the_public_names_of_studies_are_these_and_all_can_be_had():
    assert sorted(unsinter.studies.__all__) == [
        "Run",
        "Settings",
        "Study",
        "StudyError",
        "load_study",
        "run_study",
    ]
    assert all(getattr(unsinter.studies, name) for name in unsinter.studies.__all__)


def test_tables_and_answer_are_those_of_the_folder(full_run):
    run = Run.open(full_run)
    assert run.models == ("detached", "sintered")
    pd.testing.assert_frame_equal(run.verdicts, read_evidence(full_run)["verdicts"])
    assert run.answer == tuple(str(line) for line in answer_lines(read_evidence(full_run)))
    results = run.results
    results["score"] = 0.0  # a copy: nothing that is done to it stays
    assert (run.results["score"] != 0).any()
    with pytest.raises(ReportError, match="a run has no table 'result'; it has results, floors"):
        run.table("result")


def test_it_is_shown_with_its_answer_and_nothing_in_it_is_markup(full_run):
    run = Run.open(full_run)
    shown = run._repr_html_()
    assert shown.count("<li>") == len(run.answer)
    assert all(line in repr(run) for line in run.answer)
    assert "<script" not in shown


def test_figures_are_matplotlib_s_and_an_unknown_matrix_is_answered_with_those_there_are(full_run):
    run = Run.open(full_run)
    assert isinstance(run.layers_figure("detached"), Figure)
    assert len(run.transfer_figure("sintered").axes) >= 2
    with pytest.raises(ReportError, match="no matrix of sintered over sources; the run has detached over"):
        run.transfer_figure("sintered", "sources")


def test_the_probe_of_a_real_run_gives_the_scores_that_its_table_holds(write_study, unsinter):
    done = unsinter("run", write_study(), "--out", "small")
    assert done.returncode == 0, done.stderr
    run = Run.open(write_study().parent / "here" / "small")
    probe = run.probe("D")
    row = run.results[run.results["selected"] & (run.results["target"] == "D")].iloc[0]
    site = read_weights(
        weights_file(run.folder, model="tiny", target="D"), layer=row["layer"], position=row["position"]
    )
    np.testing.assert_array_equal(probe.layers[0][0], site.layers[0][0])
    with pytest.raises(ReportError, match="there is none; the run holds D of tiny"):
        run.probe("W")
