"""The rows of a table of effects: each direction with its interval, its nulls, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.studies.causal.directions import CausalContrast
from unsinter.studies.causal.effects import Draws
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.causal.rule import CausalFinding, decide
from unsinter.studies.data.estimate import Estimate, from_draws_together
from unsinter.studies.data.sites import Site

OTHERS = "all others"
"""What a direction of one of several classes is tested on where it is added."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tried:
    """One direction (d,) that is changed at a site.

    Attributes
    ----------
    contrast : whose direction it is, or the one it is a null of; None of random directions.
    null : random, permuted, other or apart; empty where it is the direction itself.
    """

    direction: FloatArray
    contrast: CausalContrast | None
    null: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteChanges:
    """What came out of all changes at one site.

    Attributes
    ----------
    outcomes : name -> log-odds (1 + n_tried, n_test), the first as the model is; NaN where not defined.
    covered : probability of all openings (1 + n_tried, n_test).
    """

    site: Site
    tried: Sequence[Tried]
    outcomes: Mapping[str, FloatArray]
    covered: FloatArray

    def change(self, place: int, outcome: str) -> FloatArray:
        """Return the change of an outcome (n_test,) under one of the directions."""
        values = self.outcomes[outcome]
        return np.asarray(values[place + 1] - values[0])


def _tested(inputs: CausalInput, contrast: CausalContrast) -> BoolArray:
    """Return the held-out prompts that a direction is tested on (n_test,): of its class, or of the others."""
    labels = inputs.targets[contrast.factor].labels[inputs.test]
    if inputs.settings.operation == "add":
        return np.asarray((labels != contrast.name) & (labels != ""))
    return np.asarray(labels == contrast.name)


def _tested_on(inputs: CausalInput, contrast: CausalContrast) -> str:
    """Return the class of the prompts that a direction is tested on, in the table's words."""
    if inputs.settings.operation != "add":
        return contrast.name
    others = [name for name in inputs.targets[contrast.factor].classes if name != contrast.name]
    return others[0] if len(others) == 1 else OTHERS


def effect_rows(
    inputs: CausalInput, changes: Sequence[SiteChanges], outcome: str, margin: float
) -> list[dict[str, object]]:
    """Return the rows of all directions of a model and their nulls, for one outcome."""
    draws = Draws.of(inputs.groups[inputs.test], inputs.bootstrap)
    means, rows = [], []
    for at in changes:
        for place, entry in enumerate(at.tried):
            if entry.null or entry.contrast is None:
                continue
            tested = _tested(inputs, entry.contrast) & np.isfinite(at.outcomes[outcome][0])
            if tested.any():
                means.append(draws.mean(at.change(place, outcome), tested))
                rows.append(
                    _Effect(
                        at=at,
                        place=place,
                        contrast=entry.contrast,
                        tested=tested,
                        tested_on=_tested_on(inputs, entry.contrast),
                    )
                )
    estimates = from_draws_together(means)
    made: list[dict[str, object]] = []
    for row, estimate in zip(rows, estimates, strict=True):
        made += row.table_rows(estimate, outcome, margin=margin, n_groups=draws.n_groups(row.tested))
    return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Effect:
    """One direction at its site, with the held-out prompts that it is tested on."""

    at: SiteChanges
    place: int
    contrast: CausalContrast
    tested: BoolArray
    tested_on: str

    def mean(self, place: int, outcome: str) -> float:
        return float(self.at.change(place, outcome)[self.tested].mean())

    def turned(self, outcome: str) -> float:
        """Return the share of the prompts whose log-odds change sign."""
        values = self.at.outcomes[outcome][:, self.tested]
        return float((np.sign(values[self.place + 1]) != np.sign(values[0])).mean())

    def nulls(self, outcome: str) -> dict[str, list[float]]:
        """Return the mean change under every null of this direction, by kind."""
        values: dict[str, list[float]] = {"random": [], "permuted": [], "other": [], "apart": []}
        for place, entry in enumerate(self.at.tried):
            # Random and permuted directions are nulls of every direction at the site.
            if entry.null in ("random", "permuted") or (entry.null and entry.contrast is self.contrast):
                values[entry.null].append(self.mean(place, outcome))
        return values

    def table_rows(
        self, effect: Estimate, outcome: str, *, margin: float, n_groups: int
    ) -> list[dict[str, object]]:
        nulls = self.nulls(outcome)
        largest = max(np.abs([*nulls["random"], *nulls["permuted"]]))
        finding = CausalFinding(
            effect=effect,
            nulls=float(largest),
            margin=margin,
            covered=float(self.at.covered[self.place + 1][self.tested].mean()),
            n_groups=n_groups,
            other=next(iter(nulls["other"]), None),
            apart=next(iter(nulls["apart"]), None),
        )
        used, reason = decide(finding)
        shared = {
            "factor": self.contrast.factor,
            "class": self.contrast.name,
            "outcome": outcome,
            "tested_on": self.tested_on,
            "layer": self.at.site[0],
            "position": self.at.site[1],
            "held_fixed": self.contrast.fixed_factor,
            "before": float(self.at.outcomes[outcome][0][self.tested].mean()),
            "n_prompts": int(self.tested.sum()),
            "groups": n_groups,
        }
        row = shared | {
            "kind": "effect",
            "effect": effect.value,
            "low": effect.low,
            "high": effect.high,
            "nulls": finding.nulls,
            "other": finding.other,
            "apart": finding.apart,
            "margin": margin,
            "turned": self.turned(outcome),
            "covered": finding.covered,
            "used": used,
            "reason": str(reason),
        }
        more = [
            shared | {"kind": "null", "null": kind, "effect": value}
            for kind, values in nulls.items()
            for value in values
        ]
        return [row, *more]
