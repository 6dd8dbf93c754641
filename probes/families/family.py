"""What a family of probes is: how it is fitted, what tuning may choose of it, what its scores mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray, Layers
from unsinter.probes.tasks import Task

FORMATS = ("safetensors", "onnx", "sklearn")
"""Files as which a probe can leave a run; the first is ours and always written."""


class Fit(Protocol):
    """One task at every penalty: see ``GridFit``."""

    @property
    def scores(self) -> FloatArray:
        """Scores (n_penalties, n[, n_classes]) of ALL rows of X; of two classes those of class 1."""

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether the fit ended before its limit (n_penalties,)."""

    def layers(self, index: int) -> Layers:
        """Return the affine maps on raw activations at penalty ``index``, with a ReLU between each two."""


class Solver(Protocol):
    """Fits tasks on the activations of one site."""

    def fit(self, tasks: Sequence[Task], penalties: Sequence[float]) -> Sequence[Fit]:
        """Return one fit per task, each from the rows that it trains alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a fit may depend on beside activations, tasks and penalties.

    Attributes
    ----------
    groups : (n_examples,) rows that train or stop a fit as a whole; None: every row is its own.
    components : leading components to read, 0 for all units; only a family that ``reduces`` looks at it.
    choices : choice of the family's own space -> value; empty outside tuning, where defaults hold.
    """

    groups: LabelArray | None = None
    seed: int = 0
    components: int = 0
    choices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One of these values.

    Attributes
    ----------
    setting : field of a study's section ``tuning`` that stands for these values; empty where it has none.
    """

    name: str
    values: tuple[Any, ...]
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number from low to high, both included; ``is_log`` draws its logarithm evenly."""

    name: str
    low: float
    high: float
    is_log: bool = False
    setting: str = ""


Choice: TypeAlias = Options | Range
MakeSolver: TypeAlias = Callable[[FloatArray, Conditions], Solver]
"""Activations (n_examples, d_model) and conditions to a solver. It imports what it needs when it is called,
so that a probe file can be read without a library that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of probes.

    Attributes
    ----------
    name, title : in files and tables; in the words of a report.
    is_log_odds : scores are nats without any calibration; otherwise only a calibration gives probabilities.
    has_penalty : fitted at each of a study's penalties, of which inner folds choose one.
    in_sweep : may be the ``family`` of a study. is_tuned : may be among the families that tuning tries.
    space : what tuning chooses beside site and reduction, in the order in which it is drawn.
    reduces : its solver reduces inputs by itself and trains all tasks of a call together; for any other
        family tuning reduces the inputs and fits task by task.
    own_weighting : how it weighs rows where a study's ``weighting`` has no effect; empty where it has one.
    formats : of ``FORMATS``, those that hold it.

    Raises
    ------
    ValueError : a name that cannot stand in a file's name, an unknown format, or ours missing.
    """

    name: str
    title: str
    make_solver: MakeSolver
    is_log_odds: bool
    has_penalty: bool
    in_sweep: bool = True
    is_tuned: bool = True
    space: tuple[Choice, ...] = ()
    reduces: bool = False
    own_weighting: str = ""
    formats: tuple[str, ...] = FORMATS

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.name.isascii():
            raise ValueError(
                f"a family's name is made of letters, digits and underscores, got {self.name!r}."
            )
        if not set(self.formats) <= set(FORMATS) or FORMATS[0] not in self.formats:
            raise ValueError(f"formats are {FORMATS[0]} and others of {', '.join(FORMATS)}.")
        names = [choice.name for choice in self.space]
        if len(set(names)) < len(names):
            raise ValueError(f"the space of family {self.name} names a choice twice: {', '.join(names)}.")

    @property
    def score_unit(self) -> str:
        """Unit of its scores, in words."""
        return "nats" if self.is_log_odds else "score units"
