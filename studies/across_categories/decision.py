"""The decision of the study over categories: evidence about wording in, one word and its reason out."""

from typing import Literal, TypeAlias

from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.across_categories.wording import WordingEvidence
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.verdict_defaults import CHANCE

Decision: TypeAlias = Literal["detached", "sintered", "cannot tell"]


def decide(wording: WordingEvidence, rule: AcrossRule) -> tuple[Decision, Reason]:
    """Return the decision and what it rests on.

    detached    wording is readable within a category, and by a probe that never saw that category
    sintered    wording is readable on pooled rows, and with the category held fixed nothing is left of it:
                neither on average over wordings nor, their bands taken together, of any single one
    cannot tell anything else
    """
    if wording.reason is not None:
        return "cannot tell", wording.reason
    if rule.above(wording.within) and rule.above(wording.transfer):
        return "detached", Reason("wording-of-its-own")
    if not rule.above(wording.pooled):
        return "cannot tell", Reason("pooled-unsure", pooled=wording.pooled)
    single = [name for name, band in wording.by_wording.items() if rule.above(band)]
    if rule.inside(wording.within) and not single:
        return "sintered", Reason("wording-of-category")
    return "cannot tell", _why(wording, single, rule)


def groups_wanted(wording: WordingEvidence, rule: AcrossRule) -> int | None:
    """Return about how many groups of the rarer side would narrow the within-category interval to an answer.

    The half-width falls with the root of their number; it must fit between the estimate and the margin, or
    between the estimate and the floor below it. None where the estimate lies below the margin.
    """
    above = wording.within.value - CHANCE
    room = max(rule.margin - abs(above), above - rule.effect_floor)
    if not room > 0.01:
        return None
    half = (wording.within.high - wording.within.low) / 2
    return int(max(1.0, (half / room) ** 2) * wording.n_off_style)


def _why(wording: WordingEvidence, single: list[str], rule: AcrossRule) -> Reason:
    if rule.above(wording.within):
        return Reason("transfer-unsure", within=wording.within, transfer=wording.transfer)
    if rule.inside(wording.within):
        return Reason("single-wordings", names=single)
    compared = {"within": wording.within, "n": wording.n_off_style}
    if wanted := groups_wanted(wording, rule):
        return Reason("within-unsure", **compared, wanted=wanted)
    return Reason("within-below-chance", **compared)
