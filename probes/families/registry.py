"""Every family of probes: a new one is its own module and an entry here, or is registered by its user."""

from unsinter.cache.errors import UnsinterError
from unsinter.probes.arrays import FloatArray
from unsinter.probes.families.family import Conditions, Family, Options, Range, Solver

RESERVED = ("family", "position", "layer_rank", "reduction")
"""Choices that tuning makes for every family."""


class UnknownFamilyError(UnsinterError, ValueError):
    """No family has this name."""


def _logistic(X: FloatArray, conditions: Conditions) -> Solver:
    from unsinter.probes.families.linear import logistic_solver

    return logistic_solver(X)


def _ridge(X: FloatArray, conditions: Conditions) -> Solver:
    from unsinter.probes.families.linear import ridge_solver

    return ridge_solver(X)


def _mass_mean(X: FloatArray, conditions: Conditions) -> Solver:
    from unsinter.probes.families.linear import mass_mean_solver

    return mass_mean_solver(X)


def _mlp(X: FloatArray, conditions: Conditions) -> Solver:
    from unsinter.probes.families.network import NetworkSolver

    return NetworkSolver(X, conditions)


LOGISTIC = Family(
    name="logistic", title="logistic", make_solver=_logistic, is_log_odds=True, has_penalty=True
)
RIDGE = Family(name="ridge", title="ridge", make_solver=_ridge, is_log_odds=False, has_penalty=True)
MASS_MEAN = Family(
    name="mass_mean",
    title="mass mean",
    make_solver=_mass_mean,
    is_log_odds=False,
    has_penalty=False,
    own_weighting="weighs classes alike already",
)
MLP = Family(
    name="mlp",
    title="MLP",
    make_solver=_mlp,
    is_log_odds=True,
    has_penalty=False,
    in_sweep=False,
    reduces=True,
    space=(
        Options(name="width", values=(16, 64, 256), setting="widths"),
        Options(name="depth", values=(1, 2), setting="depths"),
        Range(name="dropout", low=0.0, high=0.5, setting="dropouts"),
        Range(name="weight_decay", low=1e-5, high=1e-1, is_log=True, setting="weight_decays"),
        Range(name="learning_rate", low=1e-4, high=1e-2, is_log=True, setting="learning_rates"),
    ),
)

DEFAULT = LOGISTIC
"""The family of a study that names none; the only one whose name is left out of a probe's file name."""

_families = {family.name: family for family in (LOGISTIC, RIDGE, MASS_MEAN, MLP)}


def all_families() -> tuple[Family, ...]:
    """Return every family, those of this module first."""
    return tuple(_families.values())


def sweep_names() -> tuple[str, ...]:
    """Return what a study's ``family`` may be."""
    return tuple(family.name for family in _families.values() if family.in_sweep)


def tuned_names() -> tuple[str, ...]:
    """Return what a study's ``tuning.families`` may hold, and holds where it names none."""
    return tuple(family.name for family in _families.values() if family.is_tuned)


def is_family(name: object) -> bool:
    """Whether a family has this name."""
    return isinstance(name, str) and name in _families


def family_of(family: str | Family) -> Family:
    """Return the family of this name; a family itself is returned as it is.

    Raises
    ------
    UnknownFamilyError : no family has this name; those that there are, are listed.
    """
    if isinstance(family, Family):
        return family
    if not is_family(family):
        raise UnknownFamilyError(
            f"family {str(family)[:80]!r} is none of {', '.join(_families)}; register it first."
        )
    return _families[family]


def title_of(name: str) -> str:
    """Return a family's name in the words of a report; of one that is not known here, its name."""
    return _families[name].title if is_family(name) else name


def unit_of(name: str) -> str:
    """Return the unit of a family's scores; of one that is not known here, "score units"."""
    return _families[name].score_unit if is_family(name) else "score units"


def register(family: Family) -> None:
    """Let studies, tuning, files and report of this process know a family; the same one again is no change.

    Raises
    ------
    ValueError : another family has its name, or a choice of its space is one that tuning makes already.
    """
    if _families.get(family.name, family) != family:
        raise ValueError(f"another family is called {family.name!r}; choose another name.")
    others = [other for other in _families.values() if other.name != family.name]
    taken = {*RESERVED, *(choice.name for other in others for choice in other.space)}
    if shared := [choice.name for choice in family.space if choice.name in taken]:
        raise ValueError(
            f"the space of family {family.name} names {shared[0]!r}, which tuning chooses already; "
            "choose another name."
        )
    _families[family.name] = family
