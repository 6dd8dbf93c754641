"""What the page says, held against numbers that were planted in the tables."""

import json
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from hypothesis import given
from hypothesis import strategies as st
from page_text import text_in

from unsinter.studies.report import ReportError, write_report
from unsinter.studies.report.answers.answer import answer, judge, make_claims
from unsinter.studies.report.answers.gaps import find_gaps
from unsinter.studies.report.evidence.numbers import gain_text, p_text, score_text
from unsinter.studies.report.evidence.run_data import read_evidence


def text_of(folder):
    return text_in(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture
def bare(tmp_path, write_bare_run):
    """A run to be changed: one model, one question."""
    return write_bare_run(tmp_path / "bare")


def change(folder, table, **columns):
    file = folder / f"{table}.parquet"
    pd.read_parquet(file).assign(**columns).to_parquet(file, index=False)


def summarise(folder, **changes):
    file = folder / "summary.json"
    summary = json.loads(file.read_text(encoding="utf-8"))
    summary["models"]["encoder"] |= changes
    file.write_text(json.dumps(summary), encoding="utf-8")


def test_the_answer_names_what_stands_with_its_smallest_gain_and_what_falls_short(full_run):
    first, second = answer(make_claims(read_evidence(full_run)))
    assert first == (
        "In both models the activations tell, better than any floor, whether a request is harmful "
        "(+.053 [+.034, +.075]), which category of harm it is (+.202 [+.139, +.282]) and whether the model "
        "refuses (+.053 [+.033, +.072]); in detached only, how a refusal is worded (+.106 [+.072, +.146])."
    )
    assert second == (
        "What falls short: how a refusal is worded in sintered, where .751 [.690, .802] does not beat "
        "the category alone (.745)."
    )


def test_a_run_in_which_nothing_beats_its_floor_says_so(bare_run):
    text = text_of(bare_run)
    assert "Nothing in this run is read from the activations better than its best floor reads it." in text
    assert "where .970 [.962, .978] does not beat the words of the prompt (.967)" in text
    assert "does not beat its floor" in text
    assert "beats its floor" not in text.replace("does not beat its floor", "")


def test_every_planted_score_stands_beside_its_floor_and_its_control(full_run, full_page):
    table = pd.read_parquet(full_run / "results.parquet")
    text = text_in(full_page)
    for row in table[table["selected"]].to_dict("records"):
        parts = (
            f"{score_text(row['score'])} [{score_text(row['score_low'])}, {score_text(row['score_high'])}]",
            f"{score_text(row['floor'])} {row['floor_name']}",
            f"{gain_text(row['gain'])} [{gain_text(row['gain_low'])}, {gain_text(row['gain_high'])}]",
            score_text(row["control"]),
        )
        assert re.search(r"\s*".join(map(re.escape, parts)), text), parts


@pytest.mark.parametrize("missing", ["control", "floor"])
def test_a_score_without_its_control_or_floor_is_printed_nowhere(bare, missing):
    gone = dict.fromkeys(("control", "shuffled") if missing == "control" else ("floor",), np.nan)
    change(bare, "results", **gone, score=0.8123, score_low=0.8071, score_high=0.8199)
    text = text_of(bare)
    assert f"not shown: no {missing}" in text
    assert f"Whether a request is harmful: no {missing}, so no score is shown." in text
    assert not re.search(r"\.812|\.807|\.820", text)


def test_without_a_control_task_shuffled_labels_stand_in_its_place_and_are_named(bare):
    change(bare, "results", control=np.nan, selectivity=np.nan, shuffled=0.5432, beats_floor=True)
    text = text_of(bare)
    assert "not shown" not in text
    assert re.search(r"\.970 \[\.962, \.978\].*\.543 shuffled", text)
    assert "beats its floor" in text
    change(bare, "results", shuffled=0.99)
    assert "does not stand: no better than its control, .990 shuffled" in text_of(bare)


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"beats_floor": False}, "does not beat its floor"),
        ({"beats_floor": True, "p_value": 0.21}, "does not stand: p = .210 over all sites"),
        (
            {"beats_floor": True, "control": 0.93, "control_low": 0.88, "control_high": 0.97,
             "control_groups": 67},
            "beats its floor; its control is read as well, .930 [.880, .970], 67 groups",
        ),
        ({"beats_floor": True, "control": 0.93}, "beats its floor"),
        ({"beats_floor": True}, "beats its floor"),
    ],
)  # fmt: skip
def test_a_score_stands_only_above_floor_and_chance_with_its_control_beside_it(bare, changes, phrase):
    change(bare, "results", **changes)
    text = text_of(bare)
    assert f"AUROC{phrase}" in text.replace(" AUROC ", "AUROC").replace(" does", "does").replace(
        " beats", "beats"
    )


def test_the_page_counts_refusals_says_who_labelled_and_shows_a_prompt_as_it_was_read(bare):
    counts = {"harmful": {"refusal": 205, "compliance": 83}, "harmless": {"compliance": 9, "unlabelled": 2}}
    answers = {
        "counts": counts, "labelled_by": {"our rules, read by no one": 297},
        "made": "greedy, 12 tokens at most",
    }  # fmt: skip
    summarise(bare, answers=answers, rendered="<|system|>Be <b>kind</b>.<|user|>Hello<|assistant|>")
    file = bare / "summary.json"
    summary = json.loads(file.read_text(encoding="utf-8"))
    sources = {"xstest": {"harmful": 200, "harmless": 249}, "": {"unknown": 3}}
    file.write_text(json.dumps(summary | {"sources": sources}), encoding="utf-8")
    text = text_of(bare)
    assert "205 of 288 (71 %)" in text
    assert "0 of 9 (0 %)" in text
    assert "our rules, read by no one (297)" in text
    assert "greedy, 12 tokens at most" in text
    assert "<|system|>Be <b>kind</b>.<|user|>Hello<|assistant|>" in text
    assert re.search(r"xstest\s*200\s*249\s*0", text)
    assert re.search(r"unknown\s*0\s*0\s*3", text)


@pytest.mark.parametrize("counts", [3, {"harmful": 4}, {"harmful": {"refusal": "x"}}])
def test_counts_of_another_type_in_a_foreign_run_break_no_page(bare, counts):
    summarise(bare, answers={"counts": counts})
    assert "What was refused" in text_of(bare)


@pytest.mark.parametrize(
    ("responses", "is_said"),
    [
        ({"temperature": 0.4}, True),
        ({"temperature": 0.4, "samples": 5}, False),
        ({"temperature": 0.0}, False),
        ({"temperature": 1.0, "path": ["a.jsonl"]}, False),
    ],
)
def test_single_sampled_answers_are_said_to_be_draws(bare, responses, is_said):
    evidence = read_evidence(bare)
    evidence.study["responses"] = responses
    reasons = [why for _, why in find_gaps(evidence, make_claims(evidence))]
    assert any("its label is a draw" in why for why in reasons) is is_said


def test_a_control_task_never_contradicts_a_gain_over_the_floor(bare):
    """Real case: .938 with a gain of +.078 [+.012, +.145] beside a control task of 67 groups at .915."""
    change(bare, "results", beats_floor=True, gain=0.078, gain_low=0.012, gain_high=0.145, control=0.99,
           control_low=0.9, control_high=1.0, control_groups=67)  # fmt: skip
    text = text_of(bare)
    assert "Nothing in this run" not in text
    assert "the activations tell, better than any floor," in text
    change(bare, "results", p_value=0.4)
    text = text_of(bare)
    assert "Nothing in this run" not in text
    assert "but no score stands" in text


@pytest.mark.parametrize(
    ("break_it", "phrase"),
    [
        (lambda run: change(run, "results", converged=False), "D: 14 of 14 fits did not converge"),
        (lambda run: change(run, "results", p_value=np.nan), "no permutation was run"),
        (lambda run: change(run, "results", layer0_mean=0.968), "the mean of layer 0 reaches .968"),
        (lambda run: summarise(run, not_studied={"W": "too few <b>"}), "(W) was not studied: too few <b>."),
        (
            lambda run: summarise(run, extraction={"dropped": ["p-17"]}),
            "1 prompts that were dropped as too long: p-17",
        ),
        (
            lambda run: summarise(run, groups_per_cell={"harmful/refusal": 90, "harmless/refusal": 29}),
            "(harmful but answered: 0, harmless but refused: 29; 30 are needed)",
        ),
        (lambda run: (run / "results.parquet").unlink(), "Anything: no probe was fitted."),
    ],
    ids=["unconverged", "no p", "layer 0", "not studied", "dropped", "small cells", "no results"],
)
def test_what_could_not_be_said_is_listed_with_its_reason(bare, break_it, phrase):
    if phrase.startswith("the mean"):
        change(bare, "results", beats_floor=True)
    assert phrase not in text_of(bare)
    break_it(bare)
    assert phrase in text_of(bare)


def test_a_causal_check_that_could_not_be_made_is_no_check_that_nobody_asked_for(bare):
    assert "no causal check was made" in text_of(bare)
    summarise(bare, not_caused="encoder: too few refusals <b>.")
    assert "no causal check was made" not in text_of(bare)
    assert "Whether the model uses what probes read: encoder: too few refusals <b>." in text_of(bare)


def test_tables_that_a_run_did_not_write_are_named_as_gaps(bare_run, full_page):
    missing = ("no transfer matrix was made", "none was left out", "no pair of models", "nothing was tuned")
    bare, full = text_of(bare_run), text_in(full_page)
    assert all(words in bare and words not in full for words in missing)


def test_a_left_out_source_without_a_floor_is_not_drawn_but_named(bare):
    row = {"model": "encoder", "kind": "source", "held_out": "forum", "auroc": 0.9, "low": 0.8, "high": 0.95}
    rows = [row | {"words": 0.7, "gain": 0.2, "gain_low": 0.1, "gain_high": 0.3}]
    rows += [
        row | {"held_out": "wiki", "words": np.nan, "gain": np.nan, "gain_low": np.nan, "gain_high": np.nan}
    ]
    pd.DataFrame(rows).to_parquet(bare / "held_out.parquet", index=False)
    text = text_of(bare)
    assert "one source left out: forum .900, words .700." in text
    assert "Detection on wiki, left out: the words have no score there." in text


def test_the_budget_and_every_trial_are_in_the_page(full_run, full_page):
    trials = pd.read_parquet(full_run / "trials.parquet")
    assert f"All {len(trials)} trials" in full_page
    for model, target, number, params in trials[["model", "target", "number", "params"]].to_numpy():
        width = json.loads(params)["width"]
        row = (
            rf">{model}</td>\s*<td[^>]*>{target}</td>\s*<td[^>]*>{number}</td>(?:\s*<td[^>]*>[^<]*</td>){{4}}"
        )
        assert re.search(rf"{row}\s*<td[^>]*>width {width}, lr ", full_page), (model, target, number)


def test_names_from_the_data_are_never_markup(full_page):
    assert "<script" not in full_page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in full_page


def test_writing_again_gives_the_same_bytes_whatever_theme_the_caller_set(bare):
    first = write_report(bare).read_bytes()
    with mpl.rc_context():
        sns.set_theme(context="talk", style="dark", palette="pastel")
        assert write_report(bare).read_bytes() == first


def test_the_page_stays_small_enough_to_be_sent(full_page):
    assert len(full_page.encode()) < 3_000_000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "summary.json").unlink(), "holds no finished run"),
        (lambda run: (run / "summary.json").write_text("{"), "summary.json is damaged"),
        (lambda run: (run / "summary.json").write_text('{"schema_version": 1}'), "has schema_version 1"),
        (lambda run: (run / "study.yaml").write_text("- a\n"), "study.yaml is no study file"),
        (lambda run: (run / "floors.parquet").write_bytes(b"PAR1"), "floors.parquet cannot be read"),
        (
            lambda run: pd.DataFrame({"model": ["a"]}).to_parquet(run / "floors.parquet"),
            "has no column target",
        ),
        (lambda run: (run / "report.html").mkdir(), "report.html cannot be written"),
    ],
    ids=["unfinished", "damaged summary", "schema", "study", "damaged table", "columns", "unwritable"],
)
def test_a_folder_that_is_no_sound_run_is_refused_in_one_sentence(bare, damage, message):
    damage(bare)
    with pytest.raises(ReportError, match=message):
        write_report(bare)
    assert not list(bare.glob(".*"))


def test_the_verb_writes_the_page_and_refuses_what_is_no_run(unsinter, refused, bare, tmp_path):
    done = unsinter("report", bare)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"Report: {bare / 'report.html'}"
    refused("report", tmp_path, parts=["holds no finished run", "run its study first"])


@given(st.floats(-2, 2, allow_nan=False))
def test_a_printed_number_is_within_half_a_thousandth_of_the_truth(value):
    for text in (score_text(value), gain_text(value)):
        assert abs(float(text.replace("\u2212", "-")) - value) <= 0.0005 + 1e-12
    assert gain_text(value)[0] == ("\u2212" if value < 0 else "+")


def test_a_p_value_is_never_printed_as_zero():
    assert (p_text(0.0002), p_text(0.004), p_text(float("nan"))) == ("p < .001", "p = .004", "\u2013")


def test_missing_numbers_in_a_row_do_not_make_a_claim_stand():
    row = {"score": 0.9, "floor": 0.5, "control": float("nan"), "beats_floor": True}
    claim = judge("m", "D", row)
    assert not claim.stands
    assert not claim.shown


def test_a_real_small_run_gets_a_report_of_its_own_numbers(write_study, unsinter, private_cache):
    done = unsinter("run", write_study(), "--out", "small")
    assert done.returncode == 0, done.stderr
    folder = write_study().parent / "here" / "small"
    table = pd.read_parquet(folder / "results.parquet")
    row = table[table["selected"] & (table["target"] == "D")].iloc[0]
    assert f"{score_text(row['score'])} [{score_text(row['score_low'])}" in text_of(folder)
