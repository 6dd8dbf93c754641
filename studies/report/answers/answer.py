"""Which scores stand and which do not, judged by fixed rules; the answer in two sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from unsinter.studies.report.evidence.numbers import (
    control_text,
    floor_phrase,
    gain_of,
    is_number,
    join_words,
    p_text,
    score_of,
    score_text,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.study.targets import definition_of, in_order

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One model's answer to one question: the probe that the training rows chose."""

    model: str
    target: str
    row: dict[str, Any]
    against: tuple[str, ...]
    """Why the score does not stand; empty where it does."""

    beside: str
    """What the control says against reading much into it; empty where that is nothing."""

    asks: str
    """The question, after "the activations tell"."""

    shown: bool
    """False where floor or control is missing: then no score is printed."""

    @property
    def stands(self) -> bool:
        """True where the score beats its floor and chance."""
        return self.shown and not self.against


def make_claims(evidence: RunEvidence) -> list[Claim]:
    """Return one claim per model and target, in the order of the study."""
    claims = []
    for model in evidence.models:
        for target, known in evidence.targets.items():
            rows = evidence.of("results", model=model, target=target, selected=True)
            if len(rows):
                row = rows.loc[rows["inner_score"].idxmax()].to_dict()
                claims.append(replace(judge(model, target, row), asks=known.asks))
    return claims


def judge(model: str, target: str, row: dict[str, Any]) -> Claim:
    """Apply the rules to one row of results.

    A score stands if the interval of its gain over the best floor is above zero, and its p-value (where there
    is one) is below .05. Without floor or control it is not shown. Shuffled labels, which stand in for a
    control task where groups are too small for one, are scored on the very same rows: they take back what
    does not exceed them.

    A control task has other labels on other rows, so it takes no score back: where it is read about as well,
    which stands beside the score, the probe had the room to learn groups by heart. Of that no held-out score
    profits, as no group is on both sides of the split.
    """
    asks = definition_of(target).asks
    missing = [name for name in ("floor", "control") if not is_number(row.get(name))]
    if missing or not is_number(row.get("score")):
        why = f"no {' and no '.join(missing)}" if missing else "no score"
        return Claim(model=model, target=target, row=row, against=(why,), beside="", asks=asks, shown=False)
    against = []
    if not row["beats_floor"]:
        against.append(f"gain {gain_of(row)} over {floor_phrase(row['floor_name'])}")
    if is_number(row.get("p_value")) and row["p_value"] >= SIGNIFICANT:
        against.append(f"{p_text(row['p_value'])} over all sites")
    is_stand_in = row.get("control_name") == "shuffled labels"
    if is_stand_in and is_number(row.get("score_low")) and row["score_low"] <= row["control"]:
        against.append(f"no better than its control, {control_text(row)}")
    return Claim(
        model=model,
        target=target,
        row=row,
        against=tuple(against),
        beside="" if is_stand_in else _beside(row),
        asks=asks,
        shown=True,
    )


def _beside(row: dict[str, Any]) -> str:
    """Return that the control is read about as well: that its interval reaches the score's."""
    highest = row["control_high"] if is_number(row.get("control_high")) else row["control"]
    lowest = row["score_low"] if is_number(row.get("score_low")) else row["score"]
    return f"its control is read as well, {control_text(row)}" if highest >= lowest else ""


def answer(claims: Sequence[Claim]) -> tuple[str, str]:
    """Return the answer in two sentences: what stands, and what does not."""
    shown = [claim for claim in claims if claim.shown]
    if not shown:
        return "This run answers none of its questions.", "Why not is listed below."
    return _what_stands(shown), _what_does_not(shown)


def _what_stands(claims: Sequence[Claim]) -> str:
    models = list(dict.fromkeys(claim.model for claim in claims))
    by_models: dict[tuple[str, ...], list[str]] = {}
    for target in in_order(claim.target for claim in claims):
        if standing := [claim for claim in claims if claim.target == target and claim.stands]:
            phrase = standing[0].asks
            least = min(standing, key=lambda claim: float(claim.row["gain"]))
            where = tuple(claim.model for claim in standing)
            by_models.setdefault(where, []).append(f"{phrase} ({gain_of(least.row)})")
    if not by_models:
        return _nothing_stands(claims)
    groups = [(_where(names, models), join_words(phrases)) for names, phrases in by_models.items()]
    (place, first), others = groups[0], groups[1:]
    also = "".join(f"; {elsewhere}, {phrases}" for elsewhere, phrases in others)
    return f"{place[0].upper()}{place[1:]} the activations tell, better than any floor, {first}{also}."


def _nothing_stands(claims: Sequence[Claim]) -> str:
    """Return that no score stands, and which of them beat their floor all the same."""
    above = [claim for claim in claims if claim.row["beats_floor"]]
    if not above:
        return "Nothing in this run is read from the activations better than its best floor reads it."
    gains = [f"{claim.asks} in {claim.model} ({gain_of(claim.row)})" for claim in above]
    return f"Better than its best floor the activations tell {join_words(gains)}, but no score stands."


def _where(names: Sequence[str], models: Sequence[str]) -> str:
    if len(names) < len(models):
        return f"in {join_words(list(names))}{' only' if len(names) == 1 else ''}"
    return {1: f"in {models[0]}", 2: "in both models"}.get(len(models), f"in all {len(models)} models")


def _what_does_not(claims: Sequence[Claim]) -> str:
    short = [claim for claim in claims if not claim.stands]
    if not short:
        return "None of the scores falls short of its floor."
    several = len({claim.model for claim in claims}) > 1
    parts = [
        f"{claim.asks}{f' in {claim.model}' if several else ''}, where {_against(claim)}" for claim in short
    ]
    return f"What falls short: {'; '.join(parts)}."


def _against(claim: Claim) -> str:
    row = claim.row
    if not row["beats_floor"]:
        floor = f"{floor_phrase(row['floor_name'])} ({score_text(row['floor'])})"
        return f"{score_of(row)} does not beat {floor}"
    return f"{score_of(row)} does not stand: {join_words(list(claim.against))}"
