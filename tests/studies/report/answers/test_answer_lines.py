"""The lines of the answer, held against tables whose verdicts are known."""

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.cache.inventory import Inventory, files_below
from unsinter.studies.figures.verdict_text import LOOKS
from unsinter.studies.reasons.columns import REASON_DATA, reason_columns
from unsinter.studies.reasons.reason import Reason, as_written
from unsinter.studies.report.answers.answer_lines import LIMIT, answer_lines
from unsinter.studies.report.answers.answer_words import SENTENCES
from unsinter.studies.report.answers.findings import find_answers
from unsinter.studies.report.evidence.run_data import (
    READABLE,
    TABLES,
    ReportError,
    RunEvidence,
    read_evidence,
)
from unsinter.studies.report.evidence.verdict_sentences import LEADS, SHORT
from unsinter.studies.separation.verdict.site_verdict import Verdict
from unsinter.studies.tables.columns import VERDICTS
from unsinter.studies.tables.read import SEALED_FROM

FEW = Reason("too-few-groups", n=12, cell="harmless and refused", needed=30)
KNOWN = list(LOOKS)


def few(n):
    return Reason("too-few-groups", n=n, cell="refused", needed=30)


def site_rows(model, pair, verdicts, *, reason=FEW, **more):
    """One summary row per verdict, at layers 0, 1, ...; the deepest one speaks where nothing was chosen."""
    first, _, second = pair.partition("-")
    empty = dict.fromkeys(VERDICTS, np.nan)
    return [
        empty
        | {"model": model, "pair": pair, "first": first, "second": second, "is_summary": True}
        | {"layer": layer, "position": "template_end", "erased_site": False, "verdict": verdict}
        | reason_columns(reason if verdict == "undetermined" else as_written("seen"))
        | more
        for layer, verdict in enumerate(verdicts)
    ]


def evidence_of(rows, *, models=None, across=(), summary=None, study=None):
    names = models or list(dict.fromkeys(row["model"] for row in rows))
    parts = {name: {"groups_per_cell": {"harmful/refusal": 9}} | (summary or {}) for name in names}
    tables = dict.fromkeys(TABLES, pd.DataFrame()) | {"across_categories": pd.DataFrame(across)}
    if rows:
        tables["verdicts"] = pd.DataFrame(rows)
    return RunEvidence(
        folder=Path("run"),
        summary={"models": parts},
        study={"models": [{"name": name} for name in names]} | (study or {}),
        study_text="",
        tables=tables,
    )


def lines_of(*arguments, **keywords):
    return [str(line) for line in answer_lines(evidence_of(*arguments, **keywords))]


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("separable", "Detached: detection is apart from the wording in m (layer 1, template_end)."),
        (
            "shared",
            (
                "Sintered: detection and the wording are one thing to a linear probe in m "
                "(layer 1, template_end)."
            ),
        ),
        (
            "first-only",
            (
                "Only detection: the wording is not read once detection is held fixed, in m "
                "(layer 1, template_end)."
            ),
        ),
        (
            "second-only",
            (
                "Only the wording: detection is not read once the wording is held fixed, in m "
                "(layer 1, template_end)."
            ),
        ),
        (
            "neither",
            (
                "Neither: neither detection nor the wording is read once the other is held fixed, in m "
                "(layer 1, template_end)."
            ),
        ),
        (
            "not-apart",
            (
                "Not apart: beyond detection nothing of the wording is read in m (layer 1, template_end); "
                "it is absent, or it is detection read with errors."
            ),
        ),
        ("undetermined", f"Open: is detection apart from the wording in m? {FEW}."),
    ],
)
def test_each_verdict_is_one_sentence_with_its_site(verdict, sentence):
    assert lines_of(site_rows("m", "D-W", [verdict] * 2)) == [sentence]


def test_sites_that_say_something_else_are_counted_with_what_they_say():
    rows = site_rows("m", "D-R", ["undetermined", "shared", "neither", "separable", "separable"])
    assert lines_of(rows) == [
        (
            "Detached: detection is apart from the decision to refuse in m (layer 4, template_end; 2 of 5 "
            "sites say so; 1 says sintered; 1 says neither)."
        )
    ]


def test_an_open_answer_tells_why_what_settles_it_and_what_other_sites_say():
    rows = site_rows(
        "m",
        "D-R",
        ["separable", "separable", "undetermined"],
        reason=Reason("nonlinear-only", factor="the refusal decision", auroc=(0.58, 0.51, 0.66)),
        settles="about 40 more groups that are harmless and refused",
    )
    assert lines_of(rows) == [
        (
            "Open: is detection apart from the decision to refuse in m? The refusal decision is read by a "
            "non-linear probe only; about 40 more groups that are harmless and refused (2 of 3 sites say "
            "detached)."
        )
    ]


def test_models_that_say_the_same_share_a_line_and_sites_are_added():
    rows = [
        row for m in "ab" for row in site_rows(m, "D-R", ["undetermined", *["separable"] * (2 + (m == "b"))])
    ]
    assert lines_of(rows) == [
        (
            "Detached: detection is apart from the decision to refuse in both models (layers 2 and 3, "
            "template_end; 5 of 7 sites say so)."
        )
    ]


def test_reasons_that_differ_by_numbers_only_are_one_line():
    rows = [row for m, n in (("a", 12), ("b", 7)) for row in
            site_rows(m, "D-R", ["undetermined"], reason=few(n))]  # fmt: skip
    assert lines_of(rows) == [
        (
            "Open: is detection apart from the decision to refuse in both models? "
            "Too few independent groups that are refused."
        )
    ]


def test_what_settles_is_told_where_models_agree_and_pointed_to_where_they_do_not():
    settles = ["about 40 more groups that are refused", "about 55 more groups that are refused"]
    own = [[row for m, more in zip("ab", both, strict=True) for row in
            site_rows(m, "D-R", ["undetermined"], settles=more)]
           for both in (settles[:1] * 2, settles)]  # fmt: skip
    lead = f"Open: is detection apart from the decision to refuse in both models? {FEW}; "
    assert lines_of(own[0]) == [f"{lead}{settles[0]}."]
    assert lines_of(own[1]) == [f"{lead}more groups would settle it, how many and which is in the tables."]


def test_reasons_of_a_run_without_their_codes_are_told_as_they_are():
    rows = [
        {name: value for name, value in row.items() if name not in REASON_DATA}
        for m, n in (("a", 12), ("b", 7))
        for row in site_rows(m, "D-R", ["undetermined"], reason=few(n))
    ]
    texts = [line.removesuffix(".") for line in lines_of(rows)]
    assert [line.split("? ")[1] for line in texts] == [few(12), few(7)]
    assert {finding.reason.code for finding in find_answers(evidence_of(rows))} >= {"as-written"}


def test_a_model_called_like_a_verdict_is_set_off():
    for name in ("detached", "sintered", "separable", "first_only", "not-apart", "Shared"):
        (line,) = lines_of(site_rows(name, "D-R", ["separable"]))
        assert f'in the model "{name}" (' in line
    assert "in planted-cue (" in lines_of(site_rows("planted-cue", "D-R", ["separable"]))[0]


def test_many_models_stay_within_the_limit_and_each_is_counted_once_per_question():
    verdicts = ["separable", "shared", "undetermined", "not-apart", "first-only"]
    rows = [
        row
        for number in range(20)
        for pair in ("D-R", "D-W", "C-W", "D-topic")
        for row in site_rows(f"m{number}", pair, [verdicts[number % 5]])
    ]
    lines = lines_of(rows)
    assert len(lines) <= LIMIT
    assert lines[0] == (
        "Detection and the decision to refuse: of 20 models detached in 4, sintered in 4, only detection "
        "in 4, not apart in 4 and open in 4."
    )
    assert max(map(len, lines)) < 150
    assert lines[-1] == f"Open: 16 of the 16 open answers: {FEW}."


PAIRS = ["D-R", "D-W", "C-W", "D-topic", "D-tone", "harm-R", "harm-W", "harm-tone"]


def _names(line, *factors):
    return all(factor.lower() in line.lower() for factor in factors)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_whatever_a_run_holds_there_are_one_to_six_lines_and_no_question_is_lost(data):
    models = [f"m{i}" for i in range(data.draw(st.integers(1, 12)))]
    pairs = data.draw(st.lists(st.sampled_from(PAIRS), unique=True))
    rows = [
        row
        for model in models
        for pair in pairs
        for row in site_rows(
            model,
            pair,
            data.draw(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=3)),
            reason=data.draw(st.sampled_from([few(1), few(2), FEW, *map(as_written, ("3 of 4", "(0.5)"))])),
        )
    ]
    evidence = evidence_of(rows, models=models)
    lines = answer_lines(evidence)
    assert 1 <= len(lines) <= LIMIT
    assert all(str(line).endswith(".") and "\n" not in str(line) for line in lines)
    findings = find_answers(evidence)
    assert {(result.model, result.question) for result in findings} >= {(m, p) for m in models for p in pairs}
    if any(result.is_open for result in findings):
        assert any(line.lead == "Open" for line in lines)
    text = " ".join(map(str, lines))
    rest = re.search(r"(\d+) more questions", text)
    texts = {f.question for f in findings if any(_names(line, f.first, f.second) for line in map(str, lines))}
    assert len({result.question for result in findings} - texts) <= (int(rest.group(1)) if rest else 0)


def across_row(model, decision, **more):
    return {
        "model": model,
        "layer": 5,
        "position": "template_end",
        "selected": True,
        "decision": decision,
    } | more


def test_the_study_over_categories_is_told_and_takes_the_place_of_a_pair_that_says_the_same():
    rows = site_rows("m", "C-W", ["undetermined"]) + site_rows("m", "D-R", ["separable"])
    lines = lines_of(rows, across=[across_row("m", "sintered")])
    assert lines[1] == (
        "Sintered: over all categories, nothing of the wording is read beyond the category in m "
        "(layer 5, template_end)."
    )
    assert len(lines) == 2
    why = Reason("within-unsure", within=(0.6, 0.4, 0.7), n=24, wanted=70)
    unsure = across_row("m", "cannot tell", **reason_columns(why))
    assert lines_of(rows[1:], across=[unsure])[1] == (
        "Open: over all categories, is the wording apart from the category in m? Within a category wording "
        "may or may not be readable; 24 groups of the rarer side were compared, about 70 would tell; sample "
        "several answers per prompt."
    )
    (silent,) = lines_of([], models=["m"], across=[across_row("m", "cannot tell")])[-1:]
    assert silent.endswith("in m? The interval is too wide.")


@pytest.mark.parametrize(
    ("decision", "verdict"), [("detached", "shared"), ("sintered", "separable"), ("sintered", "neither")]
)
def test_a_pair_that_says_otherwise_than_the_study_over_categories_is_not_passed_over(decision, verdict):
    lines = lines_of(site_rows("m", "C-W", [verdict]), across=[across_row("m", decision)])
    assert len(lines) == 2
    assert lines[1].startswith(f"{decision.capitalize()}: over all categories")


RARE = Reason("no-large-class", target="R", counts={"refusal": 2})


@pytest.mark.parametrize(
    ("summary", "sentence"),
    [
        ({"groups_per_cell": {}}, "There are no labelled responses."),
        ({"not_studied": {"R": "R needs two classes"}}, "R needs two classes."),
        ({"not_separated": {"D-R": "R has fewer than two values"}}, "R has fewer than two values."),
        ({}, "No separation verdict is part of this run."),
        (
            {"not_studied": {"R": str(RARE)}, "reasons": {"R": RARE.as_json()}},
            "R needs two classes with enough independent groups; no class has; too few: refusal 2.",
        ),
    ],
)
def test_a_question_that_was_not_judged_is_open_with_its_reason(summary, sentence):
    assert lines_of([], models=["m"], summary=summary) == [
        f"Open: is detection apart from the decision to refuse in m? {sentence}"
    ]


def test_models_whose_targets_lack_classes_by_other_numbers_share_a_line():
    parts = {}
    for model, n in (("a", 2), ("b", 5)):
        rare = Reason("no-large-class", target="R", counts={"refusal": n})
        parts[model] = {"not_studied": {"R": str(rare)}, "reasons": {"R": rare.as_json()}}
    evidence = evidence_of([], models=["a", "b"])
    for model, part in parts.items():
        evidence.summary["models"][model] |= part
    assert [str(line) for line in answer_lines(evidence)] == [
        (
            "Open: is detection apart from the decision to refuse in both models? "
            "R needs two classes with enough independent groups; no class has."
        )
    ]


def test_where_no_verdict_was_asked_for_the_lines_say_so():
    lines = lines_of([], models=["m"], study={"separation": {"pairs": []}})
    assert lines == ["Open: no separation verdict is part of this run."]


def test_a_run_without_verdicts_says_what_is_read_and_what_is_not(bare_run):
    lines = [str(line) for line in answer_lines(read_evidence(bare_run))]
    assert lines[1:] == ["Does not beat its floor: whether a request is harmful."]


def test_every_list_of_verdicts_holds_every_verdict(repository):
    verdicts = set(get_args(Verdict))
    assert set(LOOKS) == set(SENTENCES) == verdicts
    assert set(LEADS) == set(SHORT) == verdicts - {"undetermined"}
    listed = VERDICTS["verdict"].meaning.replace(" or ", ", ").split(", ")
    assert listed == list(LOOKS)


def test_a_verdict_that_is_not_known_is_refused_in_one_sentence(full_run, tmp_path, refused):
    run = shutil.copytree(full_run, tmp_path / "run")
    table = pd.read_parquet(run / "verdicts.parquet")
    table.assign(verdict=table["verdict"].replace("neither", "welded")).to_parquet(run / "verdicts.parquet")
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8")) | {"schema_version": SEALED_FROM}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    Inventory.of(run, files_below(run)).write()
    with pytest.raises(ReportError, match=r"holds the verdict 'welded', this unsinter knows separable"):
        read_evidence(run)
    refused("separate", run, parts=["verdicts.parquet", "'welded'", "the version that wrote it"])


def test_the_same_lines_stand_in_the_terminal_before_its_tables_in_the_summary_and_in_the_report(
    write_study, unsinter
):
    study = write_study()
    done = unsinter("run", study, "--out", "small")
    assert done.returncode == 0, done.stderr
    folder = study.parent / "here" / "small"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    shown = done.stdout.splitlines()
    lines = summary["answer"]
    assert shown[: len(lines)] == lines
    assert shown.index(next(line for line in shown if line.startswith("small: "))) > len(lines) - 1
    assert shown[-1].startswith("Report: ")
    page = (folder / "report.html").read_text(encoding="utf-8")
    items = re.search(r'<ul class="lines">(.*?)</ul>', page, flags=re.DOTALL).group(1)
    texts = [re.sub(r"<[^>]+>", "", item) for item in re.findall(r"<li>(.*?)</li>", items)]
    assert texts == lines

    # A run that was finished before summaries held the lines.
    del summary["answer"]
    (folder / "summary.json").write_text(json.dumps(summary | {"schema_version": 2}), encoding="utf-8")
    again = unsinter("run", study, "--out", "small")
    assert again.stdout.splitlines()[: len(lines)] == lines
    assert unsinter("report", folder).returncode == 0
    assert summary["schema_version"] in READABLE
