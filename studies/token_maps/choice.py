"""Which prompts are looked at: of each cell the most and least typical, and those called wrongly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.cells import ANSWER_WORDS, CELL_WORDS, PARTIAL, POSITIVE

CELLS = {
    **{"/".join(cell): words for cell, words in CELL_WORDS.items()},
    **{f"{harm}/{PARTIAL}": f"{harm}, {ANSWER_WORDS[PARTIAL]}" for harm in POSITIVE["D"]},
    **{harm: harm for harm in POSITIVE["D"]},
}
"""Cell of harm and refusal, or of harm alone -> its words."""

_WRONG_SHARE = 5
"""One in so many prompts is kept for those called wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutCalls:
    """What a target's chosen probe says of the prompts held out for it.

    Attributes
    ----------
    ids : (n,) of the prompts.
    margins : (n,) score minus threshold; above 0 the positive class is called.
    is_positive : (n,) whether the truth is the positive class.
    cells : (n,) cell of harm and refusal, harm alone, or the class where neither is known.
    """

    target: str
    ids: Sequence[str]
    margins: NDArray[np.float64]
    is_positive: NDArray[np.bool_]
    cells: Sequence[str]

    @property
    def agreement(self) -> NDArray[np.float64]:
        """How far each score is on the side of the truth (n,): high is typical, below 0 or at it is wrong."""
        return np.where(self.is_positive, self.margins, -self.margins)

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """Where the class that is called is not the truth (n,)."""
        return (self.margins > 0) != self.is_positive


Choice = tuple[str, Reason]
"""Id of a prompt, and why it is chosen."""


def choose_prompts(calls: Sequence[HeldOutCalls], n: int) -> dict[str, list[Reason]]:
    """Return at most ``n`` prompts by id, each with all that it was chosen for, first reasons first.

    The targets take turns. Per cell the most and least typical come first; a fifth is kept for prompts that
    are called wrongly, the farthest first, where there are any.
    """
    wrong = list(_in_turn([_wrong(own) for own in calls]))
    n_kept = min(len({name for name, _ in wrong}), n // _WRONG_SHARE)
    typical = _in_turn([_typical(own) for own in calls])
    chosen: dict[str, list[Reason]] = {}
    _add(chosen, typical, n - n_kept)
    _add(chosen, wrong, n)
    _add(chosen, _in_turn([_typical(own) for own in calls]), n)
    return chosen


def _add(chosen: dict[str, list[Reason]], choices: Iterator[Choice] | Sequence[Choice], n: int) -> None:
    """Add choices until there are ``n`` prompts; those that are there get further reasons all the same."""
    for name, why in choices:
        if name in chosen or len(chosen) < n:
            reasons = chosen.setdefault(name, [])
            reasons += [] if why in reasons else [why]


def _in_turn(parts: Sequence[Sequence[Choice]]) -> Iterator[Choice]:
    for turn in zip_longest(*parts):
        yield from (choice for choice in turn if choice is not None)


def _typical(calls: HeldOutCalls) -> list[Choice]:
    """Return the most typical prompt of each cell, then the least typical ones; ties go by id."""
    names = [cell for cell in CELLS if cell in set(calls.cells) and "partial" not in cell]
    names += sorted(set(calls.cells) - set(CELLS) - {""})
    agreement = calls.agreement
    choices: list[Choice] = []
    for is_most, sign in ((True, -1.0), (False, 1.0)):
        for cell in names:
            places = [place for place, own in enumerate(calls.cells) if own == cell]
            best = min(places, key=lambda place: (sign * agreement[place], calls.ids[place]))
            is_lone = len(places) == 1
            why = Reason(
                "only-one-of-cell" if is_lone else "most-typical" if is_most else "least-typical",
                cell=cell_words(cell),
                target=calls.target,
            )
            choices.append((calls.ids[best], why))
    return choices


def _wrong(calls: HeldOutCalls) -> list[Choice]:
    agreement = calls.agreement
    order = sorted(
        np.flatnonzero(calls.is_wrong).tolist(), key=lambda place: (agreement[place], calls.ids[place])
    )
    return [(calls.ids[place], Reason("called-wrongly", target=calls.target)) for place in order]


def cell_words(cell: str) -> str:
    """Return a cell in words; a class of a study's own stays as it is."""
    return CELLS.get(cell, cell)


def cells_of(harm_and_refusal: Sequence[str], harm: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return each prompt's cell (n,): harm and refusal, harm in a study without answers, else its class.

    Empty where a prompt lacks what the others have.
    """
    known = (part for part in (harm_and_refusal, harm) if any(part))
    return [str(name) for name in next(known, classes)]


__all__ = ["CELLS", "HeldOutCalls", "cell_words", "cells_of", "choose_prompts"]
