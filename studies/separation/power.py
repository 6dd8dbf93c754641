"""What a study of a given size can hope to see: the record of verdicts on worlds of that size."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.stats import beta, norm

from unsinter.features.worlds import CELLS, WORLDS, Verdict, World, make_world
from unsinter.studies.reasons.reason import Reason, commonest
from unsinter.studies.workers.spread import spread

PLANNED = ("orthogonal", "separable_cos7", "shared", "first_only", "second_only", "neither")
"""Worlds that a plan is tried on: every verdict, and separable both easy and less so."""

Cells = tuple[int, int, int, int]


_MOST_NUMBERS = 200_000_000
"""Activations of one world: 1.6 GB of them in double precision, a few times that while they are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlan:
    """The size of a study, and how strongly its factors may be coded.

    Attributes
    ----------
    cells : prompts (independent groups) in each of CELLS, exactly. None draws them from ``n`` and ``phi``.
    n, phi : prompts, and the correlation of the two factors; only where ``cells`` is None.
    auc : of the best possible reader of one factor with the other held fixed.
    d : dimensions of the activations.
    n_categories : topics that comparisons hold fixed; 1 holds nothing fixed.
    n_worlds : worlds drawn of each kind.
    seed : of all draws.

    Raises
    ------
    ValueError : no size or two sizes given, or a number out of range.
    """

    cells: Cells | None = None
    n: int | None = None
    phi: float | None = None
    auc: float = 0.95
    d: int = 128
    n_categories: int = 4
    n_worlds: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        by_n = self.n is not None and self.phi is not None
        if (self.cells is None) != by_n or (self.cells is not None and (self.n, self.phi) != (None, None)):
            raise ValueError(
                f"a plan needs its cells, or n and phi, got cells {self.cells}, n {self.n}, phi {self.phi}; "
                "give one of the two."
            )
        if not 0.5 < self.auc < 1:
            raise ValueError(f"auc must lie in (0.5, 1), got {self.auc!r}.")
        for name in ("n_worlds", "n_categories"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        rows = sum(self.cells) if self.cells is not None else int(self.n or 0)
        if rows * max(self.d, 1) > _MOST_NUMBERS:
            raise ValueError(
                f"{rows:,} prompts x d {self.d:,} are {rows * self.d:,} activations a world, more than the "
                f"{_MOST_NUMBERS:,} that are drawn at most; plan with fewer of either: a study this large is "
                "not limited by its size."
            )

    def draw(self, name: str, seed: int) -> World:
        """Return a world of the kind ``name`` and of this size.

        Raises
        ------
        ValueError : the size cannot be.
        """
        # Worlds have two categories at least; where none is held fixed they must not be coded either.
        topics = {"n_categories": self.n_categories} if self.n_categories > 1 else {"category_effect": 0.0}
        size = {"cells": self.cells} if self.cells is not None else {"n": self.n, "phi": self.phi}
        effect = sqrt(2) * float(norm.ppf(self.auc))
        return make_world(name, d=self.d, seed=seed, effect=effect, **size, **topics)


class Frequency(NamedTuple):
    """How often something happened, and the exact 95 % interval of how often it would."""

    times: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """The verdict's record on one kind of world.

    Attributes
    ----------
    world, truth : name of the kind, and the right verdict.
    right, wrong, undetermined : shares of the worlds, which add up to 1.
    reason : the commonest one given where the call was not right, without its bands; empty if always right.
    """

    world: str
    truth: Verdict
    right: Frequency
    wrong: Frequency
    undetermined: Frequency
    reason: str


def plan_table(plan: PowerPlan, *, n_jobs: int = 1) -> list[PlanRow]:
    """Return how the verdict, at its default rule, fares on worlds of the planned size: a row per kind.

    The kinds see the same draws of labels and noise, so that rows differ by what is planted alone.

    Raises
    ------
    ValueError : the size cannot be drawn; says why.
    """
    seeds = np.random.SeedSequence(plan.seed).generate_state(plan.n_worlds).tolist()
    worlds = ((plan, name, seed) for name in PLANNED for seed in seeds)
    calls = list(spread(_call, worlds, n_jobs=n_jobs))
    return [
        _row(name, calls[place * len(seeds) : (place + 1) * len(seeds)]) for place, name in enumerate(PLANNED)
    ]


def parse_cells(text: str) -> Cells:
    """Return the four counts in a text such as ``300,40,40,300``.

    Raises
    ------
    ValueError : it holds no such counts; says what they should be.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(
            f"cells must be four counts of prompts ({', '.join(CELLS)}), such as 300,40,40,300, got {text!r}."
        )
    both, first, second, neither = map(int, parts)
    return both, first, second, neither


def binomial_share(count: int, total: int, *, level: float = 0.95) -> Frequency:
    """Return the share with the exact interval of Clopper and Pearson (1934) at ``level``."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return Frequency(count, count / total, low, high)


def _call(plan: PowerPlan, name: str, seed: int) -> tuple[str, Reason, bool]:
    """Return the verdict on one world, its reason, and whether it is right."""
    # Late, so that asking for help need not wait for it.
    from unsinter.studies.separation import Pair, judge_arrays

    world = plan.draw(name, seed)
    strata = world.strata if plan.n_categories > 1 else None
    judged = judge_arrays(world.X, Pair(name=name, z=world.z, w=world.w, groups=world.groups, strata=strata))
    return judged.verdict, judged.reason, judged.verdict in world.right


def _row(name: str, calls: Sequence[tuple[str, Reason, bool]]) -> PlanRow:
    kind, n = WORLDS[name], len(calls)
    right = sum(is_right for _, _, is_right in calls)
    wrong = sum(verdict in kind.wrong for verdict, _, _ in calls)
    return PlanRow(
        world=name,
        truth=kind.truth,
        right=binomial_share(right, n),
        wrong=binomial_share(wrong, n),
        undetermined=binomial_share(n - right - wrong, n),
        reason=_commonest(reason for _, reason, is_right in calls if not is_right),
    )


def _commonest(reasons: Iterable[Reason]) -> str:
    """Return the commonest reason without its bands; reasons that differ by numbers only count as one."""
    groups = commonest(reasons)
    return Counter(reason.plain for reason in groups[0]).most_common(1)[0][0] if groups else ""
