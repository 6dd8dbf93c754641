"""The answer over categories as sentences a reader can quote, with what it does not show."""

import math

from unsinter.studies.across_categories.analysis import AcrossResult
from unsinter.studies.across_categories.intervals import shown
from unsinter.studies.study.verdict_defaults import CHANCE

NOT_SHOWN = (
    "Seen by linear probes, on the prompts and categories of this study, by comparing what is there: it says "
    "nothing of other prompts, of what other probes could read, or of what the model uses."
)
WIDEST_SHARE = 0.5
"""A share known no closer than this is not told as a number."""


def statement(result: AcrossResult, *, site: str = "this site") -> str:
    """Return two to four plain sentences: wording, then detection, then what neither shows.

    ``site`` names it in the text, as "layer 6, template_end".
    """
    return " ".join([wording_sentence(result, site=site), detection_sentence(result), NOT_SHOWN])


def wording_sentence(result: AcrossResult, *, site: str) -> str:
    """Return the decision about wording with pooled, within-category and transferred AUROC."""
    wording = result.wording
    if wording.reason is not None:
        return f"At {site} it cannot be told whether wording is detached from category: {result.reason}."
    numbers = (
        f"the style of a refusal is read with AUROC {shown(wording.pooled)} on pooled refusals (the category "
        f"alone gives at most {wording.category_alone.value:.2f}), {shown(wording.within)} within one "
        f"category, and {shown(wording.transfer)} within a category that the probe never saw"
    )
    lead = {
        "detached": f"At {site} wording is detached from category",
        "sintered": f"At {site} wording is sintered to category: beyond it, nothing above the margin is left",
        "cannot tell": f"At {site} it cannot be told whether wording is detached from category "
        f"({result.reason})",
    }[result.decision]
    level = f"{result.rule.level:.0%}"
    return f"{lead}; {numbers} ({level} intervals over groups, {wording.n_refusals} refusals)."


def detection_sentence(result: AcrossResult) -> str:
    """Return how far harm is one axis over the categories."""
    if result.detection_reason is not None:
        return f"Detection was not compared across categories: {result.detection_reason}."
    axes, probes = result.directions, result.detection
    if not probes.own.low > CHANCE + result.rule.effect_floor:
        return f"Harm is not surely read within a category here (AUROC {shown(probes.own)})."
    shared = (
        "how much of a category's direction is common is lost in noise"
        if not axes.share.high - axes.share.low < WIDEST_SHARE
        else f"{axes.share.value:.0%} [{axes.share.low:.0%}, {axes.share.high:.0%}] of the variance of a "
        "category's direction lies on the common axis"
    )
    loss = (
        ""
        if math.isnan(probes.normalised.value)
        else f", a probe of another category keeps {probes.normalised.value:.0%} "
        f"[{probes.normalised.low:.0%}, {probes.normalised.high:.0%}] of a category's own AUROC above chance"
    )
    return (
        f"Harm is read within a category with AUROC {shown(probes.own)}; over {len(probes.names)} categories "
        f"{shared} (effective rank {axes.rank:.2f}, one axis and noise would give "
        f"{axes.rank_one_axis.value:.2f}, no direction {axes.rank_no_axis.value:.2f}){loss}, and one global "
        f"probe of equal training size differs by {probes.global_gain.value:+.3f} "
        f"[{probes.global_gain.low:+.3f}, {probes.global_gain.high:+.3f}]."
    )
