from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.reason import Reason, as_written
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.study_pairs import PairContrast
from unsinter.studies.separation.supporting.site_evidence import SiteEvidence
from unsinter.studies.separation.verdict.site_verdict import Evidence, SiteVerdict
from unsinter.studies.separation.verdict_rows import verdict_rows
from unsinter.studies.tables.columns import VERDICTS

ONES = np.ones(4, dtype=int)
SEEN = as_written("seen")
VARIOUS = str(Reason("various-groups"))


def contrast_of(name, first, second):
    pair = Pair(name=name, z=ONES, w=ONES, groups=np.arange(4))
    return PairContrast(name=name, first_class=first, second_class=second, pair=pair, cramers_v=0.3)


def verdict(call, *, a=0.9, reason=SEEN, transfer=0.9, layer=2):
    evidence = Evidence(
        a=Estimate(a, a - 0.05, a + 0.05), transfer_second=Estimate(transfer, transfer - 0.1, transfer + 0.1)
    )
    return SiteVerdict(
        pair="p",
        layer=layer,
        position="template_end",
        verdict=call,
        reason=reason,
        evidence=evidence,
        groups_per_cell={"both": 50, "first_only": 40, "second_only": 41, "neither": 60},
        phi=0.4,
        is_stratified=True,
    )


def test_rows_have_the_columns_of_the_table():
    (row,) = verdict_rows([contrast_of("D-R", "harmful", "refusal")], [[verdict("separable")]], {})
    assert ["model", *row, "used"] == list(VERDICTS)  # the run itself adds the last


def test_a_pair_with_one_contrast_has_one_row_which_is_its_summary():
    (row,) = verdict_rows([contrast_of("D-R", "harmful", "refusal")], [[verdict("separable")]], {})
    assert row["is_summary"]
    assert (row["first"], row["second"]) == ("D", "R")
    assert (row["a"], row["a_low"], row["a_high"]) == (0.9, pytest.approx(0.85), pytest.approx(0.95))
    assert (row["groups_first_only"], row["phi"], row["cramers_v"], row["stratified"]) == (40, 0.4, 0.3, True)
    assert not row["erased_site"]
    assert np.isnan(row["kept_first"])


CALLS = {
    ("separable", "separable"): ("separable", "2 of 2 contrasts (apology, policy)"),
    ("separable", "undetermined"): ("separable", "1 of 2 contrasts (apology); 1 undetermined"),
    ("separable", "shared"): (
        "undetermined",
        "the contrasts differ: separable for apology; shared for policy",
    ),
    ("undetermined", "undetermined"): ("undetermined", "2 of 2 contrasts: seen"),
    ("separable", "undetermined", "undetermined"): (
        "undetermined",
        "2 of 3 contrasts: seen; decided: separable for apology",
    ),
}


@pytest.mark.parametrize("calls", CALLS)
def test_the_summary_says_what_the_decided_contrasts_agree_on(calls):
    contrasts = [
        contrast_of("D-W", "harmful", style) for style in ("apology", "policy", "advice")[: len(calls)]
    ]
    rows = verdict_rows(contrasts, [[verdict(call)] for call in calls], {})
    assert [row["is_summary"] for row in rows] == [True, *[False] * len(calls)]
    assert (rows[0]["verdict"], rows[0]["reason"]) == CALLS[calls]
    assert (rows[0]["first_class"], rows[0]["second_class"]) == ("harmful", "all")


def few(n):
    return Reason("too-few-groups", n=n, cell="harmless and cybercrime", needed=10)


def test_a_class_that_is_too_rare_to_be_judged_does_not_silence_the_others():
    names = ("privacy", "violence", "cybercrime", "fraud", "spam")
    contrasts = [contrast_of("D-topic", "harmful", name) for name in names]
    judged = [
        [verdict("separable")], [verdict("separable")],
        *([replace(verdict("undetermined", a=np.nan), reason=few(n), groups_per_cell={"both": n})]
          for n in (9, 3, 0)),
    ]  # fmt: skip
    summary = verdict_rows(contrasts, judged, {})[0]
    assert summary["verdict"] == "separable"
    assert summary["reason"] == (
        "2 of 2 contrasts (privacy, violence); 3 more cannot be judged from their labels "
        "(cybercrime, fraud, spam)"
    )
    assert summary["groups_both"] == 50
    summary = verdict_rows(contrasts[2:], judged[2:], {})[0]
    assert summary["verdict"] == "undetermined"
    assert summary["reason"].startswith("1 of 3 contrasts: 9 independent groups that are")


def test_the_summary_holds_means_and_the_outermost_limits():
    contrasts = [contrast_of("D-W", "harmful", style) for style in ("apology", "policy")]
    rows = verdict_rows(contrasts, [[verdict("separable", a=0.9)], [verdict("separable", a=0.7)]], {})
    assert rows[0]["a"] == pytest.approx(0.8)
    assert rows[0]["a_low"] == pytest.approx(0.65)
    assert rows[0]["a_high"] == pytest.approx(0.95)


def test_style_invariant_and_category_general_need_a_separable_verdict_and_a_limit_of_seven_tenths():
    contrast = [contrast_of("D-R", "harmful", "refusal")]
    more = {(0, 2, "template_end"): SiteEvidence(transfer_category=Estimate(0.8, 0.7, 0.9))}
    (row,) = verdict_rows(contrast, [[verdict("separable", transfer=0.81)]], more)
    assert row["style_invariant"]
    assert row["category_general"]
    assert row["erased_site"]
    (row,) = verdict_rows(contrast, [[verdict("separable", transfer=0.79)]], {})
    assert not row["style_invariant"]
    assert not row["category_general"]
    (row,) = verdict_rows(contrast, [[verdict("shared")]], more)
    assert not row["style_invariant"]
    assert not row["category_general"]


@pytest.mark.parametrize(
    ("calls", "summary"),
    [
        ((("undetermined", "40 more"), ("undetermined", "40 more")), "40 more"),
        ((("undetermined", "40 more"), ("undetermined", "90 more")), VARIOUS),
        ((("undetermined", "40 more"), ("undetermined", "")), VARIOUS),
        ((("separable", ""), ("undetermined", "40 more"), ("undetermined", "40 more")), "40 more"),
        ((("separable", ""), ("undetermined", "40 more")), ""),
    ],
)
def test_what_would_settle_a_summary_is_that_of_its_open_contrasts_not_of_its_first(calls, summary):
    contrasts = [
        contrast_of("D-W", "harmful", style) for style in ("apology", "policy", "advice")[: len(calls)]
    ]
    verdicts = [[replace(verdict(call), settles=settles)] for call, settles in calls]
    assert verdict_rows(contrasts, verdicts, {})[0]["settles"] == summary
