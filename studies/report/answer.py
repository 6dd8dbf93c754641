"""Which scores stand and which do not, judged by fixed rules; the answer in two sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from unsinter.studies.report.numbers import (
    control_text,
    floor_phrase,
    gain_of,
    is_number,
    join_words,
    p_text,
    score_of,
    score_text,
)
from unsinter.studies.report.run_data import Evidence
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

    asks: str
    """The question, after "the activations tell"."""

    shown: bool
    """False where floor or control is missing: then no score is printed."""

    @property
    def stands(self) -> bool:
        """True where the score beats its floor, its control and chance."""
        return self.shown and not self.against


def make_claims(evidence: Evidence) -> list[Claim]:
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

    A score stands if the interval of its gain over the best floor is above zero, its p-value (where there is
    one) is below .05, and its interval is above its control: the control task, or shuffled labels where
    groups are too small for one. Without floor or either control it is not shown.
    """
    asks = definition_of(target).asks
    missing = [name for name in ("floor", "control") if not is_number(row.get(name))]
    if missing or not is_number(row.get("score")):
        why = f"no {' and no '.join(missing)}" if missing else "no score"
        return Claim(model=model, target=target, row=row, against=(why,), asks=asks, shown=False)
    against = []
    if not row["beats_floor"]:
        against.append(f"gain {gain_of(row)} over {floor_phrase(row['floor_name'])}")
    if is_number(row.get("p_value")) and row["p_value"] >= SIGNIFICANT:
        against.append(f"{p_text(row['p_value'])} over all sites")
    if is_number(row.get("score_low")) and row["score_low"] <= row["control"]:
        against.append(f"no better than its control, {control_text(row)}")
    return Claim(model=model, target=target, row=row, against=tuple(against), asks=asks, shown=True)


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
        return "Nothing in this run is read from the activations better than its best floor reads it."
    groups = [(_where(names, models), join_words(phrases)) for names, phrases in by_models.items()]
    (place, first), others = groups[0], groups[1:]
    also = "".join(f"; {elsewhere}, {phrases}" for elsewhere, phrases in others)
    return f"{place[0].upper()}{place[1:]} the activations tell, better than any floor, {first}{also}."


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
