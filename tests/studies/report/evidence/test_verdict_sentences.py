"""What is said of verdicts, held against tables whose counts are known."""

import numpy as np
import pandas as pd
import pytest

from unsinter.studies.figures.verdict_text import (
    chosen_site,
    reasons_of,
    summary_rows,
    thresholds_of,
)
from unsinter.studies.reasons.columns import reason_columns
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.report.evidence.verdict_sentences import (
    across_answers,
    pair_answer,
    says_something,
    separation_answers,
)


def rows_of(*verdict_list, pair="D-R"):
    """One row per (verdict, reason) at layers 0, 1, ...; no statistics."""
    first, second = pair.split("-")
    shared = {"model": "m", "pair": pair, "first": first, "second": second, "position": "template_end"}
    shared |= {"is_summary": True, "erased_site": np.nan}
    return pd.DataFrame(
        [
            shared | {"layer": layer, "verdict": verdict, "reason": reason}
            for layer, (verdict, reason) in enumerate(verdict_list)
        ]
    )


LAST = "At layer {}, template_end (the deepest layer; none was chosen in training): {}."


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {"separable": 9, "undetermined": 5},
            ("Detection is represented apart from the refusal decision at 9 of 14 sites of m (shared at "
            "none; undetermined at 5: few rows)."),
        ),
        (
            {"shared": 3, "separable": 2},
            ("Detection and the refusal decision are one quantity to a linear probe at 3 of 5 sites "
            "of m (apart at 2)."),
        ),
        (
            {"separable": 2, "shared": 2},
            "Detection is represented apart from the refusal decision at 2 of 4 sites of m (shared at 2).",
        ),
        (
            {"first-only": 4, "neither": 1},
            ("Detection can be read with the other held fixed, the refusal decision cannot, at 4 of 5 "
            "sites of m "
            "(apart at none; shared at none; neither read at 1)."),
        ),
        (
            {"second-only": 1},
            ("The refusal decision can be read with the other held fixed, detection cannot, at 1 of 1 "
            "sites of m "
            "(apart at none; shared at none)."),
        ),
        (
            {"neither": 2, "first-only": 1, "second-only": 1, "undetermined": 1},
            ("Neither detection nor the refusal decision can be read with the other held fixed at 2 "
            "of 5 sites of m "
            "(apart at none; shared at none; only detection at 1; only the refusal decision at 1; "
            "undetermined at "
            "1: few rows)."),
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_pair_is_told_by_its_most_frequent_verdict_and_all_others_with_it(counts, sentence):
    verdict_list = [(verdict, "few rows") for verdict, n in counts.items() for _ in range(n)]
    assert (
        pair_answer(rows_of(*verdict_list), None)
        == f"{sentence} {LAST.format(len(verdict_list) - 1, verdict_list[-1][0])}"
    )


def test_where_everything_is_undetermined_only_the_reason_is_said():
    rows = rows_of(*[("undetermined", "few rows")] * 3, ("undetermined", "no rows (.44 [.31, .58])"))
    assert pair_answer(rows, None) == (
        "Nothing is said of detection and the refusal decision in m: undetermined at all 4 sites "
        "(few rows, 3; other reasons, 1)."
    )
    assert not says_something(rows)
    assert says_something(rows_of(("undetermined", "few rows"), ("neither", "")))


def test_only_the_most_frequent_reason_is_told_and_the_others_counted():
    verdict_list = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
    assert "(a, 3; other reasons, 4)" in pair_answer(
        rows_of(*(("undetermined", why) for why in verdict_list)), None
    )


def test_every_sentence_of_a_run_agrees_with_its_table(verdicts):
    answers = separation_answers(verdicts, None, ["detached", "sintered"])
    assert [(model, len(verdict_list)) for model, verdict_list in answers] == [
        ("detached", 3),
        ("sintered", 3),
    ]
    summary = summary_rows(verdicts)
    for model, verdict_list in answers:
        for pair, sentence in zip(("D-R", "D-W", "C-W"), verdict_list, strict=True):
            counts = summary[(summary["model"] == model) & (summary["pair"] == pair)][
                "verdict"
            ].value_counts()
            lead = counts.drop("undetermined", errors="ignore")
            expected = (
                f'at {lead.max()} of 14 sites of the model "{model}"'
                if len(lead)
                else "undetermined at all 14 sites"
            )
            assert expected in sentence
            if len(lead) and counts.get("undetermined"):
                assert f"undetermined at {counts['undetermined']}: " in sentence


def test_contrasts_are_not_counted_as_sites(verdicts):
    alone = verdicts[(verdicts["model"] == "detached") & (verdicts["pair"] == "D-W")]
    assert len(alone) == 5 * 14
    assert "of 14 sites" in separation_answers(alone, None, ["detached"])[0][1][0]


def unsure(value):
    band = (value, value - 0.07, value + 0.07)
    return Reason("factor-unsure", factor="detection", other="the refusal decision", auroc=band)


def few(n):
    return Reason("too-few-groups", n=n, cell="harmless and refused", needed=30)


TOLD = [unsure(0.58), unsure(0.63), few(12), few(7), few(9), Reason("same-activations")]


def test_reasons_that_differ_by_their_bands_or_numbers_are_one():
    columns = pd.DataFrame([reason_columns(reason) for reason in [*TOLD, few(3)]])
    rows = rows_of(*[("undetermined", "")] * len(TOLD), ("separable", "")).assign(**columns)
    assert reasons_of(rows) == [
        ("too few independent groups that are harmless and refused", 3),
        ("detection may or may not be there with the refusal decision held fixed", 2),
        ("the activations are the same in every row", 1),
    ]


def test_reasons_of_earlier_runs_are_told_as_they_are_and_counted_by_their_text():
    """A table without the columns beside `reason`: what its words mean is not guessed."""
    rows = rows_of(*[("undetermined", str(reason)) for reason in [*TOLD, few(12)]])
    assert reasons_of(rows)[0] == ("12 independent groups that are harmless and refused; 30 are needed", 2)
    assert {reason for reason, _ in reasons_of(rows)} == {str(reason) for reason in TOLD}


def results(*rows):
    return pd.DataFrame(rows, columns=["model", "target", "layer", "position", "selected", "inner_score"])


def test_the_site_that_speaks_was_chosen_for_the_first_factor_then_the_second_then_for_erasure():
    rows = rows_of(*[("separable", "")] * 4)
    chosen = results(
        ("m", "D", 1, "template_end", True, 0.9), ("m", "D", 2, "template_end", False, 0.99),
        ("m", "R", 3, "template_end", True, 0.8), ("other", "D", 0, "template_end", True, 1.0),
    )  # fmt: skip
    assert chosen_site(rows, chosen)[0]["layer"] == 1
    assert chosen_site(rows, chosen)[1] == "chosen in training for D"
    assert chosen_site(rows, chosen[chosen["target"] == "R"])[0]["layer"] == 3
    elsewhere = chosen.assign(position="instruction_end")
    erased = rows.assign(erased_site=[False, False, True, np.nan])
    assert chosen_site(erased, elsewhere)[0]["layer"] == 2
    assert chosen_site(rows, elsewhere)[0]["layer"] == 3


def test_a_statement_on_all_categories_is_the_selected_sites():
    row = {"model": "m", "selected": False, "decision": "detached", "headline": "told elsewhere"}
    across = pd.DataFrame([row, row | {"selected": True, "decision": "sintered", "headline": "told here."}])
    assert across_answers(across, ["m", "none"]) == ["In m, over all categories: told here."]
    named = across.assign(model="sintered")
    assert across_answers(named, ["sintered"]) == ['In the model "sintered", over all categories: told here.']


def test_thresholds_are_the_study_files_or_the_defaults():
    thresholds = thresholds_of({"separation": {"margin": 0.1, "n_draws": 50}})
    assert (thresholds.margin, thresholds.effect_floor, thresholds.min_groups) == (0.1, 0.1, 10)
    assert thresholds_of({"separation": None}) == thresholds_of({})
