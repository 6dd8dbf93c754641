"""Contrasts on their way to a verdict, and the absences that some of them rest on, tested."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.site_readers import ReadSite
from unsinter.studies.data.sites import Site
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.absence.bound import tested_absence
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.fit_rows import RowFamily
from unsinter.studies.separation.site.site_fit import NO_INVERSE, FamilyFit
from unsinter.studies.separation.verdict.rule import Decision, Factor, contradiction
from unsinter.studies.separation.verdict.site_verdict import Evidence
from unsinter.studies.workers.spread import spread_sites


@dataclass(slots=True)
class Case:
    """A contrast at a site on its way to a verdict."""

    evidence: Evidence
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSites:
    """The sites of a family whose contrasts are judged.

    Attributes
    ----------
    sites, here : in the same order, and what was fitted at each.
    """

    read: ReadSite
    sites: Sequence[Site]
    here: Sequence[FamilyFit]


def settle_absences(
    judged: JudgedSites, family: RowFamily, cases: dict[tuple[int, int], Case], rule: Rule, *, n_jobs: int = 1
) -> Iterator[int]:
    """Test every absence that a decision rests on; yield the place of each site that is done."""
    absences = absences_of(cases)
    jobs = ((judged.sites[site], judged.here[site], own) for site, own in absences.items())
    tested = spread_sites(_tested, judged.read, jobs, shared=(family, rule), n_jobs=n_jobs)
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
    site: Site,
    used: FamilyFit,
    absences: Sequence[tuple[int, Evidence, tuple[Factor, ...]]],
    family: RowFamily,
    rule: Rule,
) -> list[Evidence] | None:
    """Return the evidence with its absences tested; None where the site's numbers do not allow it."""
    try:
        return tested_absence(family.of(X), family, used, absences, rule)
    except NO_INVERSE:
        return None
