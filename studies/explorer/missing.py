"""What a page cannot show of a model, and why: a line each."""

from collections.abc import Iterator, Mapping
from typing import Any

from unsinter.studies.report.evidence.run_data import RunEvidence


def missing_lines(evidence: RunEvidence, table: Mapping[str, Any], has_prompts: bool) -> list[str]:
    """Return why a model has no picture, verdicts or transfer; empty where it has all of them."""
    facts = evidence.summary["models"].get(table["name"], {})
    return [
        *_of_the_picture(table, facts),
        *_of_the_prompts(table, has_prompts),
        *_of_the_verdicts(evidence, table, facts),
        *([] if table["sheets"]["transfer"] else [_NO_TRANSFER]),
    ]


_NO_TRANSFER = (
    "Transfer: none is part of this run; no two categories, wordings or sources had enough groups, or the "
    "study did not ask for it."
)


def _of_the_picture(table: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    targets = list(dict.fromkeys(axis["target"] for axis in table["axes"]))
    if not targets:
        yield "Picture: the run holds no held-out scores of prompts in two classes."
    elif len(targets) == 1:
        yield (
            f"Picture: {targets[0]} is the only target of two classes with held-out scores, so its score "
            "goes across and nothing goes up."
        )
    not_studied = facts.get("not_studied")
    for target, why in (not_studied if isinstance(not_studied, dict) else {}).items():
        yield f"{target} was not studied: {why}"


def _of_the_prompts(table: Mapping[str, Any], has_prompts: bool) -> Iterator[str]:
    shown, there = len(table["ids"]), table["nHeldOut"]
    if shown < there:
        yield (
            f"Prompts: {shown:,} of {there:,} held-out prompts are in this page, drawn by a digest of their "
            "ids; bands and tables rest on all."
        )
    if shown and not has_prompts:
        yield "Labels: an earlier version wrote this run and kept none beside the classes of the targets."


def _of_the_verdicts(
    evidence: RunEvidence, table: Mapping[str, Any], facts: Mapping[str, Any]
) -> Iterator[str]:
    if not table["sheets"]["verdicts"]:
        is_old = len(evidence["verdicts"]) > 0 and not evidence.has_verdicts
        yield (
            "Verdicts: this run has them in columns of an earlier version; run the study again."
            if is_old
            else "Verdicts: no separation verdict is part of this run."
        )
    not_separated = facts.get("not_separated")
    for pair, why in (not_separated if isinstance(not_separated, dict) else {}).items():
        yield f"{pair} was not judged: {why}"
