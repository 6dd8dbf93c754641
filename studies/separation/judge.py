"""The verdict on pairs of factors at every site: directions fitted once, scores resampled many times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.bands import simultaneous_band
from unsinter.studies.separation.contrast import Contrast, find_obstacle, make_contrast
from unsinter.studies.separation.directions import CrossFit, Design, cross_fitted
from unsinter.studies.separation.folds import deal_groups
from unsinter.studies.separation.near_copies import share_of_near_copies
from unsinter.studies.separation.pair import Pair
from unsinter.studies.separation.rule import Rule, decide
from unsinter.studies.separation.site_verdict import Estimate, Evidence, SiteVerdict
from unsinter.studies.separation.statistics import contrast_statistics
from unsinter.studies.sweep import ReadSite, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Contrasts over the same rows: they share folds and every factorisation.

    Attributes
    ----------
    members : places of the pairs.
    folds : (n,) fold of each row.
    """

    members: Sequence[int]
    contrasts: Sequence[Contrast]
    folds: NDArray[np.intp]

    @property
    def rows(self) -> NDArray[np.intp]:
        return self.contrasts[0].rows


def judge_arrays(X: FloatArray, pair: Pair, rule: Rule | None = None) -> SiteVerdict:
    """Return the verdict on one pair in activations X (n, d) of one site.

    Raises
    ------
    ValueError : X has another length than the pair, is no matrix, or holds NaN or inf.
    """
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
    families = _families(pairs, obstacles, rule)
    texts = {id(family): _text_scores(family) for family in families}
    jobs = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_score_site)(read(*site), site, families, rule) for site in sites
    )
    scored = []
    for found in jobs:
        scored.append(found)
        on_site()
    verdicts = [
        [_undetermined(pair, site, obstacle or "") for site in sites]
        for pair, obstacle in zip(pairs, obstacles, strict=True)
    ]
    for number, family in enumerate(families):
        here = [site[number] for site in scored]
        told = _judge_family(family, here, texts[id(family)], sites, rule)
        for place, found in zip(family.members, told, strict=True):
            verdicts[place] = found
    return verdicts


def _families(pairs: Sequence[Pair], obstacles: Sequence[str | None], rule: Rule) -> list[_Family]:
    by_rows: dict[bytes, list[int]] = {}
    for place, (pair, obstacle) in enumerate(zip(pairs, obstacles, strict=True)):
        if obstacle is None:
            by_rows.setdefault(pair.rows.tobytes(), []).append(place)
    families = []
    for places in by_rows.values():
        contrasts = [make_contrast(pairs[place], rule) for place in places]
        kinds = np.stack([pairs[place].cells for place in places], axis=1)
        _, kind = np.unique(kinds, axis=0, return_inverse=True)
        folds = deal_groups(contrasts[0].groups, kind, n_folds=rule.n_folds, seed=rule.seed)
        families.append(_Family(members=places, contrasts=contrasts, folds=folds))
    return families


def _score_site(
    X: FloatArray, site: Site, families: Sequence[_Family], rule: Rule
) -> list[list[CrossFit] | str]:
    """Return a fit per design of each family, or why this site has none."""
    X = np.asarray(X)
    if X.ndim != 2 or not np.isfinite(X).all():
        raise ValueError(
            f"activations at layer {site[0]}, {site[1]} must be a matrix of finite numbers, got shape "
            f"{X.shape}{'' if X.ndim != 2 else ' with NaN or inf'}; extract those rows again."
        )
    return [_score_family(X[family.rows], family, rule) for family in families]


def _score_family(X: FloatArray, family: _Family, rule: Rule) -> list[CrossFit] | str:
    if not (X.std(axis=0) > 0).any():
        return "the activations are the same in every row"
    first = family.contrasts[0]
    copies = share_of_near_copies(X, first.pair.cells, first.groups)
    if copies > rule.near_copies:
        return f"{copies:.0%} of the rows are near copies of rows in other groups; put copies into one group"
    return cross_fitted(X, _designs(family), family.folds)


def _designs(family: _Family) -> list[Design]:
    return [design for contrast in family.contrasts for design in contrast.designs()]


def _text_scores(family: _Family) -> list[CrossFit] | None:
    text = family.contrasts[0].pair.text
    if text is None:
        return None
    designs = [replace(design, comparisons=()) for design in _designs(family)]
    return cross_fitted(text[family.rows], designs, family.folds)


def _judge_family(
    family: _Family,
    scored: Sequence[list[CrossFit] | str],
    text: list[CrossFit] | None,
    sites: Sequence[Site],
    rule: Rule,
) -> list[list[SiteVerdict]]:
    """Return the verdicts of each contrast of a family at every site."""
    usable = [place for place, found in enumerate(scored) if not isinstance(found, str)]
    verdicts = []
    start = 0
    for contrast in family.contrasts:
        own = slice(start, start + len(contrast.labellings))
        start = own.stop
        told = [
            _undetermined(contrast.pair, site, found if isinstance(found, str) else "")
            for site, found in zip(sites, scored, strict=True)
        ]
        if usable:
            fits = [site[own] for site in scored if not isinstance(site, str)]
            found = _evidence(fits, None if text is None else text[own], contrast, family.folds, rule)
            for place, evidence in zip(usable, found, strict=True):
                told[place] = _decided(contrast, sites[place], evidence, rule)
        verdicts.append(told)
    return verdicts


def _evidence(
    fits: Sequence[Sequence[CrossFit]],
    text: Sequence[CrossFit] | None,
    contrast: Contrast,
    folds: NDArray[np.intp],
    rule: Rule,
) -> list[Evidence]:
    """Return the evidence at each site, from its fit per labelling."""
    statistics, extra = contrast_statistics(fits, text, contrast, folds)
    bands = {
        name: simultaneous_band(
            statistic,
            contrast.groups,
            level=rule.level,
            n_draws=rule.n_draws,
            seed=rule.seed,
            extra_variance=extra.get(name),
        )
        for name, statistic in statistics.items()
    }

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


def _decided(contrast: Contrast, site: Site, evidence: Evidence, rule: Rule) -> SiteVerdict:
    verdict, reason = decide(evidence, rule)
    return SiteVerdict(
        pair=contrast.pair.name,
        layer=site[0],
        position=site[1],
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        groups_per_cell=contrast.pair.groups_per_cell(),
        phi=contrast.pair.phi(),
        is_stratified=contrast.strata is not None,
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
