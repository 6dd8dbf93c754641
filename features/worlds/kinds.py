"""What a kind of world is: how it codes two factors, and which verdicts are right, tolerable and false."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from unsinter.features.worlds.behind import DrawBehind
from unsinter.features.worlds.codings import NOT_STRAIGHT, Coding

Verdict: TypeAlias = Literal[
    "separable", "shared", "first-only", "second-only", "neither", "not-apart", "undetermined"
]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

TextView: TypeAlias = Literal["words", "hidden", "paraphrases", "length"]
"""What a study of the world has of its texts: words that occur; nothing; texts of which the relatives share
words; texts whose length is the quantity behind the labels."""

_NOTHING_BEYOND: frozenset[Verdict] = frozenset({"shared", "first-only", "second-only"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldKind:
    """One way in which activations may code two factors.

    Attributes
    ----------
    description : one line: what x is made of, and why the truth is what it is.
    truth : the right verdict; ``undetermined`` where none is right.
    tolerated : verdicts that are not false here, ``undetermined`` (never false) left out, the truth included.
    coding : which multiples of the planted axes z and w add.
    defaults : knobs whose default differs in this kind.
    one_axis : u_w is u_z, so the knob ``cosine`` is fixed at 1.
    follows_category : z and w depend on the category, and on nothing else.
    lexical : x is a linear image of the text features plus noise.
    copies : rows are near copies of originals, and ``groups`` does not say so.
    behind : draws what stands behind the labels and moves x along ``n_hidden`` axes of its own; None where
        nothing does.
    n_hidden : how many such axes there are.
    axes : which of them are u_z and u_w; None where these are the axes of ``coding``.
    one_bit : z and w are one bit, which their labels read with errors, so the knob ``phi`` is fixed at 1.
    second_effect : effect of w, whatever that of z, unless two effects are given; None where both are equal.
    rates_known : how often the labels err is known.
    declared : what stands behind the labels is declared as covariates.
    is_identifiable : whether activations, labels, groups and text could tell the truth at all.
    text : what is known of the texts.
    """

    description: str
    truth: Verdict
    tolerated: frozenset[Verdict]
    coding: Coding
    defaults: Mapping[str, Any] = field(default_factory=dict)
    one_axis: bool = False
    follows_category: bool = False
    lexical: bool = False
    copies: bool = False
    behind: DrawBehind | None = None
    n_hidden: int = 0
    axes: tuple[int, int] | None = None
    one_bit: bool = False
    second_effect: float | None = None
    rates_known: bool = False
    declared: bool = False
    is_identifiable: bool = True
    text: TextView = "words"

    @property
    def wrong(self) -> frozenset[Verdict]:
        """The verdicts that are false calls: all but ``undetermined`` and the tolerated ones."""
        return frozenset(VERDICTS) - self.tolerated - {"undetermined"}

    @property
    def is_straight(self) -> bool:
        """Whether both factors move x along straight axes, if at all: the same way whatever else a row is."""
        return self.behind is None and self.coding not in NOT_STRAIGHT


def world_kind(
    truth: Verdict, coding: Coding, description: str, *also: Verdict, **settings: Any
) -> WorldKind:
    """Return a kind whose tolerated verdicts are its truth and those of ``also``.

    ``not-apart`` says less than each of shared, first-only and second-only, and is tolerated wherever one of
    these is.
    """
    tolerated: frozenset[Verdict] = frozenset({truth, *also}) - {"undetermined"}
    if tolerated & _NOTHING_BEYOND:
        tolerated |= {"not-apart"}
    return WorldKind(description=description, truth=truth, tolerated=tolerated, coding=coding, **settings)
