"""The verdict on pairs of factors at every site: directions fitted once, scores resampled many times."""

from collections.abc import Callable, Sequence

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.estimate import Estimate
from unsinter.studies.separation.bands import simultaneous_band
from unsinter.studies.separation.contrast import Contrast, find_obstacle
from unsinter.studies.separation.directions import CrossFit
from unsinter.studies.separation.pair import Pair
from unsinter.studies.separation.pair_inputs import activation_matrix
from unsinter.studies.separation.row_family import RowFamily, SiteFit, family_text, fit_family, make_families
from unsinter.studies.separation.rule import Rule, decide
from unsinter.studies.separation.site_verdict import Evidence, SiteVerdict
from unsinter.studies.separation.statistics import contrast_statistics
from unsinter.studies.sweep import ReadSite, Site

_AREAS = {"a", "b", "o_first", "o_second", "transfer_to_second", "transfer_from_second"}
"""Statistics that cannot leave [0, 1]."""


def judge_arrays(X: FloatArray, pair: Pair, rule: Rule | None = None) -> SiteVerdict:
    """Return the verdict on one pair in activations X (n, d) of one site.

    Raises
    ------
    ValueError : X has another length than the pair, is no matrix, or holds NaN or inf.
    TypeError : X holds no real numbers.
    """
    X = activation_matrix(X, len(pair.z))
    return judge(lambda layer, position: X, [(0, "given")], pair, rule or Rule())[0]


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
    on_site: Callable[[], None] = lambda: None,
) -> list[list[SiteVerdict]]:
    """Return, for each pair, its verdict at every site.

    Every row is scored by directions that were fitted without its group, so all rows are test rows and none
    is chosen by: what is looked at is decided beforehand, and the bands hold for all of it.

    Parameters
    ----------
    read : layer and position to X (n, d), rows as in the pairs.

    Raises
    ------
    ValueError : activations of another length than the pairs, not a matrix, or with NaN or inf.
    """
    obstacles = [find_obstacle(pair, rule) for pair in pairs]
    families = make_families(pairs, obstacles, rule)
    jobs = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_site)(read(*site), site, len(pairs[0].z), families, rule) for site in sites
    )
    fitted = []
    for found in jobs:
        fitted.append(found)
        on_site()
    verdicts = [
        [_undetermined(pair, site, obstacle or "") for site in sites]
        for pair, obstacle in zip(pairs, obstacles, strict=True)
    ]
    for number, family in enumerate(families):
        texts, here = family_text(family), [site[number] for site in fitted]
        for place, contrast in enumerate(family.contrasts):
            text = None if texts is None else texts[place]
            verdicts[family.members[place]] = _judge_contrast(contrast, place, here, text, sites, rule)
    return verdicts


def _fit_site(X: FloatArray, site: Site, n: int, families: Sequence[RowFamily], rule: Rule) -> list[SiteFit]:
    """Return what a site gives each family."""
    X = np.asarray(X)
    if X.ndim != 2 or len(X) != n or not np.isfinite(X).all():
        why = " with NaN or inf" if X.ndim == 2 and len(X) == n else ""
        raise ValueError(
            f"activations at layer {site[0]}, {site[1]} must be a matrix of finite numbers with {n} rows, "
            f"got shape {X.shape}{why}; extract those rows again."
        )
    return [fit_family(X[family.rows], family, rule) for family in families]


def _judge_contrast(
    contrast: Contrast,
    place: int,
    here: Sequence[SiteFit],
    text: Sequence[FloatArray] | None,
    sites: Sequence[Site],
    rule: Rule,
) -> list[SiteVerdict]:
    """Return the verdicts of one contrast of a family at every site.

    Sites with groups of their own have no draws in common with the others: their limits are widened to hold
    for all sites by Bonferroni's rule.
    """
    alone = 1 - (1 - rule.level) / len(sites)
    usable = [site for site, fit in enumerate(here) if not fit.obstacles[place]]
    together = [site for site in usable if not here[site].share_merged]
    parts = [(together, rule.level)] + [([site], alone) for site in usable if here[site].share_merged]
    told = [
        _undetermined(contrast.pair, site, fit.obstacles[place])
        for site, fit in zip(sites, here, strict=True)
    ]
    for members, level in parts:
        if not members:
            continue
        fits = [here[site].fits[place] for site in members]
        first = here[members[0]]
        evidence = _evidence(fits, text, contrast, first, rule, level=level)
        for site, found in zip(members, evidence, strict=True):
            told[site] = _decided(contrast, sites[site], found, here[site], rule)
    return told


def _evidence(
    fits: Sequence[Sequence[CrossFit]],
    text: Sequence[FloatArray] | None,
    contrast: Contrast,
    used: SiteFit,
    rule: Rule,
    *,
    level: float,
) -> list[Evidence]:
    """Return the evidence at each site, from its fit per labelling and the groups and folds used there."""
    statistics, extra = contrast_statistics(fits, text, contrast, used.folds)
    bands: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
    for name, statistic in statistics.items():
        low, high = simultaneous_band(
            statistic,
            used.groups,
            level=level,
            n_draws=rule.n_draws,
            seed=rule.seed,
            extra_variance=extra.get(name),
        )
        bands[name] = (np.clip(low, 0, 1), np.clip(high, 0, 1)) if name in _AREAS else (low, high)

    def estimate(name: str, place: int) -> Estimate:
        if name not in statistics:
            return Estimate()
        low, high = bands[name]
        return Estimate(float(statistics[name].value[place]), float(low[place]), float(high[place]))

    found = []
    for place in range(len(fits)):
        named = {name: estimate(name, place) for name in Evidence.__slots__ if name != "transfer_second"}
        ways = [estimate(f"transfer_{way}_second", place) for way in ("to", "from")]
        found.append(Evidence(**named, transfer_second=min(ways, key=lambda way: way.value)))
    return found


def _decided(contrast: Contrast, site: Site, evidence: Evidence, used: SiteFit, rule: Rule) -> SiteVerdict:
    verdict, reason = decide(evidence, rule)
    if used.share_merged:
        reason += f"; near copies in other groups were put together ({used.share_merged:.0%} of rows)"
    return SiteVerdict(
        pair=contrast.pair.name,
        layer=site[0],
        position=site[1],
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        groups_per_cell=contrast.pair.groups_per_cell(used.groups),
        phi=contrast.pair.phi(),
        is_stratified=contrast.strata is not None or contrast.is_finer,
    )


def _undetermined(pair: Pair, site: Site, reason: str) -> SiteVerdict:
    return SiteVerdict(
        pair=pair.name,
        layer=site[0],
        position=site[1],
        verdict="undetermined",
        reason=reason,
        evidence=Evidence(),
        groups_per_cell=pair.groups_per_cell(),
        phi=pair.phi(),
        is_stratified=False,
    )
