"""Contrasts on their way to a verdict, and the absences that some of them rest on, tested."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from unsinter.probes.arrays import FloatArray
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.absence.bound import tested_absence
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.fit_rows import RowFamily
from unsinter.studies.separation.site.site_fit import NO_INVERSE, SiteFit
from unsinter.studies.separation.verdict.rule import Decision, Factor, contradiction
from unsinter.studies.separation.verdict.site_verdict import Evidence


@dataclass(slots=True)
class Case:
    """A contrast at a site on its way to a verdict."""

    evidence: Evidence
    decision: Decision


def settle_absences(
    read: Callable[[int], FloatArray],
    family: RowFamily,
    here: Sequence[SiteFit],
    cases: dict[tuple[int, int], Case],
    rule: Rule,
    n_jobs: int,
) -> Iterator[int]:
    """Test every absence that a decision rests on; yield the place of each site that is done."""
    absences = absences_of(cases)
    tested = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_tested)(read(site), family, here[site], own, rule) for site, own in absences.items()
    )
    for (site, own), replaced in zip(absences.items(), tested, strict=True):
        for place, _, _ in own if replaced is None else ():
            cases[place, site].decision = Decision("undetermined", Reason("no-inverse"))
        for (place, _, absent), evidence in zip(own, replaced or (), strict=replaced is not None):
            case = cases[place, site]
            case.evidence = evidence
            against = contradiction(evidence, absent, rule)
            if against:
                case.decision = Decision("undetermined", against)
        yield site


def absences_of(
    cases: Mapping[tuple[int, int], Case],
) -> dict[int, list[tuple[int, Evidence, tuple[Factor, ...]]]]:
    """Return, by the place of a site, the contrasts there whose decision rests on an absence."""
    absences: dict[int, list[tuple[int, Evidence, tuple[Factor, ...]]]] = {}
    for (place, site), case in cases.items():
        if case.decision.absent:
            absences.setdefault(site, []).append((place, case.evidence, case.decision.absent))
    return absences


def _tested(
    X: FloatArray,
    family: RowFamily,
    used: SiteFit,
    absences: Sequence[tuple[int, Evidence, tuple[Factor, ...]]],
    rule: Rule,
) -> list[Evidence] | None:
    """Return the evidence with its absences tested; None where the site's numbers do not allow it."""
    try:
        return tested_absence(X[family.rows], family, used, absences, rule)
    except NO_INVERSE:
        return None
