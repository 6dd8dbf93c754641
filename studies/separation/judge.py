"""The verdict on pairs of factors at every site: fitted once per site, bands over all of them together."""

from collections.abc import Iterator, Sequence

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.site_readers import ReadSite
from unsinter.studies.data.sites import Site
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.absence_cases import Case, JudgedSites, absences_of, settle_absences
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.pair_inputs import activation_matrix
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.evidence import site_evidence_bands
from unsinter.studies.separation.site.fit_rows import (
    RowFamily,
    by_rows,
    family_text,
    make_families,
    n_text_fits,
)
from unsinter.studies.separation.site.obstacles import find_obstacle
from unsinter.studies.separation.site.site_fit import FamilyFit, fit_family, n_fit_parts, row_order
from unsinter.studies.separation.verdict.rule import (
    PLACES,
    LabelQuality,
    decide,
)
from unsinter.studies.separation.verdict.settles import settled_by
from unsinter.studies.separation.verdict.site_verdict import ARRAYS, Evidence, SiteVerdict
from unsinter.studies.study.run_options import Progress, StepCount, parts_counted, silent
from unsinter.studies.workers.spread import spread_sites


def judge_arrays(X: FloatArray, pair: Pair, rule: Rule | None = None) -> SiteVerdict:
    """Return the verdict on one pair in activations X (n, d) of one site.

    Raises
    ------
    ValueError : X has another length than the pair, is no matrix, or holds NaN or inf.
    TypeError : X holds no real numbers.
    """
    X = activation_matrix(X, len(pair.z))
    return judge(lambda layer, position: X, [ARRAYS], pair, rule or Rule())[0]


def judge(read: ReadSite, sites: Sequence[Site], pair: Pair, rule: Rule) -> list[SiteVerdict]:
    """Return the verdict on one pair at every site; bands hold for all sites at once."""
    return judge_pairs(read, sites, [pair], rule)[0]


def judge_pairs(
    read: ReadSite,
    sites: Sequence[Site],
    pairs: Sequence[Pair],
    rule: Rule,
    *,
    n_jobs: int = 1,
    progress: Progress = silent,
) -> list[list[SiteVerdict]]:
    """Return, for each pair, its verdict at every site.

    Every row is scored by directions that were fitted without its group, so all rows are test rows and none
    is chosen by: what is looked at is decided beforehand, and the bands hold for all of it. Where a verdict
    rests on an absence, the site is read once more and the absence tested.

    Parameters
    ----------
    read : layer and position to X (n, d), rows as in the pairs.
    progress : of the parts of the sites' fits ("verdicts"; a site's at once where other processes fit), of
        the fits of texts ("texts of pairs"), and of the sites whose absences are tested ("absences").

    Raises
    ------
    ValueError : activations of another length than the pairs, not a matrix, or with NaN or inf.
    """
    obstacles = [find_obstacle(pair, rule) for pair in pairs]
    # A site of many rows takes minutes, so that the parts of its fits are counted.
    n_parts = max(len(by_rows(pairs, obstacles)), 1) * n_fit_parts(rule)
    count = StepCount(progress=progress, step="verdicts", total=len(sites) * n_parts)
    families = _ordered(read, sites, make_families(pairs, obstacles, rule), rule)
    shared = (len(pairs[0].z), families, rule)
    jobs = spread_sites(_fit_site, read, ([site] for site in sites), shared=shared, n_jobs=n_jobs)
    fitted = _counted(jobs, count, n_parts)
    # A pair without an obstacle is in a family, and gets its verdicts there.
    verdicts = [
        [_undetermined(pair, site, obstacle) for site in sites] if obstacle else []
        for pair, obstacle in zip(pairs, obstacles, strict=True)
    ]
    judged = [[site[number] for site in fitted] for number in range(len(families))]
    texts = _texts_of(families, progress)
    known = [
        _family_cases(family, here, text, rule)
        for family, here, text in zip(families, judged, texts, strict=True)
    ]
    n_absent = sum(len(absences_of(cases)) for cases in known)
    absences = StepCount(progress=progress, step="absences", total=n_absent)
    for family, here, cases in zip(families, judged, known, strict=True):
        own = JudgedSites(read=read, sites=sites, here=here)
        for _ in settle_absences(own, family, cases, rule, n_jobs=n_jobs):
            absences.one()
        for place, member in enumerate(family.members):
            verdicts[member] = [
                _verdict(
                    family.contrasts[place], site, fit, cases.get((place, number)), fit.obstacles[place], rule
                )
                for number, (site, fit) in enumerate(zip(sites, here, strict=True))
            ]
    absences.end()
    return verdicts


def _ordered(
    read: ReadSite, sites: Sequence[Site], families: Sequence[RowFamily], rule: Rule
) -> list[RowFamily]:
    """Return the families with rows in the order of the first site where they differ."""
    waiting = dict(enumerate(families))
    ordered: dict[int, RowFamily] = {}
    for site in sites:
        if not waiting:
            break
        X = np.asarray(read(*site))
        if X.ndim != 2 or not np.isfinite(X).all():
            break  # refused with its name where it is fitted
        for number, family in list(waiting.items()):
            if (order := row_order(family.of(X))) is not None:
                ordered[number] = waiting.pop(number).ordered(order, rule)
    return [ordered.get(number, family) for number, family in enumerate(families)]


def _counted(jobs: Iterator[list[FamilyFit]], count: StepCount, n_parts: int) -> list[list[FamilyFit]]:
    """Return what each site gives, with its parts counted where they are done here, else when it is there."""
    fitted = []
    with parts_counted(count.one):
        for at_site in jobs:
            fitted.append(at_site)
            count.reach(len(fitted) * n_parts)
    count.end()
    return fitted


def _fit_site(
    X: FloatArray, site: Site, n: int, families: Sequence[RowFamily], rule: Rule
) -> list[FamilyFit]:
    """Return what a site gives each family."""
    X = np.asarray(X)
    if X.ndim != 2 or len(X) != n or not np.isfinite(X).all():
        why = " with NaN or inf" if X.ndim == 2 and len(X) == n else ""
        raise ValueError(
            f"activations at layer {site[0]}, {site[1]} must be a matrix of finite numbers with {n} rows, "
            f"got shape {X.shape}{why}; extract those rows again."
        )
    return [fit_family(family.of(X), family, rule) for family in families]


def _texts_of(families: Sequence[RowFamily], progress: Progress) -> list[list[FloatArray] | None]:
    """Return what readers of the text say of each family's contrasts; see `family_text`."""
    count = StepCount(progress=progress, step="texts of pairs", total=sum(map(n_text_fits, families)))
    texts = [family_text(family, on_fit=count.one) for family in families]
    count.end()
    return texts


def _family_cases(
    family: RowFamily, here: Sequence[FamilyFit], texts: list[FloatArray] | None, rule: Rule
) -> dict[tuple[int, int], Case]:
    """Return evidence and decision of every contrast at every site without an obstacle, by both places."""
    cases = {}
    for place, contrast in enumerate(family.contrasts):
        text = None if texts is None else texts[place]
        labels = LabelQuality(contrast.pair.phi(), contrast.pair.errors_are_known)
        for members, level in _parts(here, place, rule):
            evidence = site_evidence_bands(
                [here[site] for site in members], place, contrast, text, rule, level=level
            )
            for site, own in zip(members, evidence, strict=True):
                cases[place, site] = Case(own, decide(own, labels, rule))
    return cases


def _parts(here: Sequence[FamilyFit], place: int, rule: Rule) -> list[tuple[list[int], float]]:
    """Return sites whose bands are made together, and the level of their limits.

    Sites with groups of their own have no draws in common with the others: their limits are widened to hold
    for all sites by Bonferroni's rule.
    """
    alone = 1 - (1 - rule.level) / len(here)
    usable = [site for site, fit in enumerate(here) if not fit.obstacles[place]]
    together = [site for site in usable if not here[site].share_merged]
    parts = [(together, rule.level)] if together else []
    return parts + [([site], alone) for site in usable if here[site].share_merged]


def _verdict(
    contrast: Contrast, site: Site, used: FamilyFit, case: Case | None, obstacle: Reason | None, rule: Rule
) -> SiteVerdict:
    if obstacle is not None:
        return _undetermined(contrast.pair, site, obstacle)
    assert case is not None  # one is made where nothing stands in the way
    words = contrast.pair.words
    reason = case.decision.reason.named({PLACES["first"]: words.first, PLACES["second"]: words.second})
    if used.share_merged:
        reason = Reason("copies-put-together", why=reason, share=used.share_merged)
    counts = contrast.pair.groups_per_cell(used.groups)
    is_open = case.decision.verdict == "undetermined"
    return SiteVerdict(
        pair=contrast.pair.name,
        layer=site[0],
        position=site[1],
        verdict=case.decision.verdict,
        reason=reason,
        evidence=case.evidence,
        settles=(settled_by(case.evidence, counts, words, rule) if is_open else None) or "",
        groups_per_cell=counts,
        phi=contrast.pair.phi(),
        is_stratified=contrast.strata is not None or contrast.is_finer,
    )


def _undetermined(pair: Pair, site: Site, reason: Reason) -> SiteVerdict:
    return SiteVerdict(
        pair=pair.name,
        layer=site[0],
        position=site[1],
        verdict="undetermined",
        reason=reason,
        evidence=Evidence(),
        groups_per_cell=pair.groups_per_cell(),
        phi=pair.phi(),
    )
