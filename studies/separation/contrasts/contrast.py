"""One pair made ready for its verdicts: rows, what is held fixed, designs, comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.contrasts.comparison import (
    FIRST,
    SECOND,
    WHERE_NOT_SECOND,
    WHERE_SECOND,
    Comparison,
)
from unsinter.studies.separation.contrasts.directions import CrossFit, Design
from unsinter.studies.separation.effects.design import EffectDesign
from unsinter.studies.separation.effects.label_errors import expected_labels
from unsinter.studies.separation.inputs.held_fixed import covariate_columns, held_columns, level_columns
from unsinter.studies.separation.inputs.pair import Pair, cell_codes


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A pair over its own rows.

    Attributes
    ----------
    z, w : (n,) codes 0 and 1 of the factors, as observed.
    strata : (n,) codes from 0, the last one for rows without a category; None where none is held fixed.
    unnamed : (n,) rows without a category: they train, and are compared with no other row.
    """

    pair: Pair
    rows: NDArray[np.intp]
    z: NDArray[np.integer]
    w: NDArray[np.integer]
    strata: NDArray[np.intp] | None
    unnamed: NDArray[np.bool_]

    @property
    def groups(self) -> NDArray[np.generic]:
        """Independent units of the rows (n,)."""
        return self.pair.groups[self.rows]

    @property
    def cells(self) -> NDArray[np.intp]:
        """Cell of each row (n,), as a place in ``CELLS``."""
        return cell_codes(self.z, self.w)

    @property
    def is_finer(self) -> bool:
        """Whether a factor is read with finer labels than the other factor held fixed."""
        return self.pair.first_within is not None or self.pair.second_within is not None

    @cached_property
    def covariates(self) -> Mapping[str, NDArray[np.generic]]:
        """What is held fixed beside the category, over the rows."""
        return {name: value[self.rows] for name, value in self.pair.held_fixed().items()}

    @cached_property
    def fixed_columns(self) -> FloatArray:
        """An intercept and the columns (n, q) of all that is held fixed."""
        if self.strata is None and not self.covariates:
            return np.ones((len(self.rows), 1))
        return held_columns(self.strata, self.covariates)

    @cached_property
    def effect_design(self) -> EffectDesign:
        """What the effects of both factors are fitted by; true labels are expected where labels err."""
        z, w = expected_labels(self.z, self.w, self.pair.z_sure, self.pair.w_sure)
        return EffectDesign(
            z=z,
            w=w,
            cells=self.cells,
            fixed_columns=self.fixed_columns,
            fixed_first=self._finer_columns(self.pair.first_within),
            fixed_second=self._finer_columns(self.pair.second_within),
        )

    @property
    def named(self) -> Mapping[str, NDArray[np.generic]]:
        """Everything that is held fixed (n,), the category as names, since its codes are no numbers."""
        named: dict[str, NDArray[np.generic]] = dict(self.covariates)
        return named if self.strata is None else {"category": self.strata.astype(str), **named}

    def fixed_by(self, factor: NDArray[np.integer], least: float) -> list[str]:
        """Return the names of what is held fixed and alone leaves less than ``least`` of a factor's
        variance."""
        residuals = {name: _left(factor, covariate_columns(value)) for name, value in self.named.items()}
        return [name for name, left in residuals.items() if left < least]

    def blocks(self, *, second: bool) -> NDArray[np.intp]:
        """Return codes (n,) of rows alike in the other factor and the category, and finer labels where
        given."""
        finer = self.pair.second_within if second else self.pair.first_within
        return self._blocks(self.z if second else self.w, *self._own(finer))

    def designs(self) -> list[Design]:
        """Return what directions are fitted to and tested by: one, or one per factor where labels are
        finer."""
        comparisons = self.comparisons()
        if not self.is_finer:
            return [Design(cells=self.cells, strata=self.strata, comparisons=comparisons)]
        made = []
        for finer, own in (
            (self.pair.first_within, [c for c in comparisons if c.probe != SECOND]),
            (self.pair.second_within, [c for c in comparisons if c.probe == SECOND]),
        ):
            codes = [*([] if self.strata is None else [self.strata]), *self._own(finer)]
            strata = self._combined(*codes) if codes else None
            made.append(Design(cells=self.cells, strata=strata, comparisons=own))
        return made

    def plain_design(self) -> Design:
        """Return a design that compares nothing."""
        return Design(cells=self.cells, strata=self.strata, comparisons=())

    def joined(self, fits: list[CrossFit]) -> CrossFit:
        """Return one fit from those of ``designs``, in the order of ``comparisons``."""
        if not self.is_finer:
            return fits[0]
        first, second = fits
        scores = first.scores.copy()
        scores[SECOND] = second.scores[SECOND]
        parts = {True: iter(second.pull), False: iter(first.pull)}
        return CrossFit(scores, np.stack([next(parts[c.probe == SECOND]) for c in self.comparisons()]))

    def comparisons(self) -> list[Comparison]:
        """Return what is compared: each factor with the other held fixed, and on both diagonals of the
        cells."""
        z, w = self.z, self.w
        given_w, given_z = self.blocks(second=False), self.blocks(second=True)
        mixed = np.where(z != w, self._blocks(np.zeros_like(z)), -1)
        like = np.where(z == w, self._blocks(np.zeros_like(z)), -1)
        rows = (
            ("a", FIRST, z, given_w),
            ("b", SECOND, w, given_z),
            ("mixed_first", FIRST, z, mixed),
            ("mixed_second", SECOND, w, mixed),
            ("like_first", FIRST, z, like),
            ("like_second", SECOND, w, like),
            ("transfer_to_second", WHERE_NOT_SECOND, z, np.where(w == 1, given_w, -1)),
            ("transfer_from_second", WHERE_SECOND, z, np.where(w == 0, given_w, -1)),
        )
        return [
            Comparison(name=name, probe=probe, positive=np.asarray(truth == 1), blocks=blocks)
            for name, probe, truth, blocks in rows
        ]

    def _finer_columns(self, finer: NDArray[np.generic] | None) -> FloatArray:
        return np.zeros((len(self.rows), 0)) if finer is None else level_columns(finer[self.rows])

    def _own(self, finer: NDArray[np.generic] | None) -> list[NDArray[np.generic]]:
        return [] if finer is None else [finer[self.rows]]

    def _blocks(self, *fixed: NDArray[np.generic]) -> NDArray[np.intp]:
        """Return blocks (n,) of rows that share all of ``fixed`` and their stratum; -1 without a stratum."""
        if self.strata is None:
            return self._combined(*fixed)
        return np.where(self.unnamed, -1, self._combined(self.strata, *fixed))

    @staticmethod
    def _combined(*labels: NDArray[np.generic]) -> NDArray[np.intp]:
        """Return codes (n,) from 0 of the combinations of labels that occur."""
        columns = [np.unique(label, return_inverse=True)[1] for label in labels]
        _, codes = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        return np.asarray(codes, dtype=np.intp)


def make_contrast(pair: Pair) -> Contrast:
    """Return the pair over the rows where both factors are known."""
    rows = pair.rows
    strata, unnamed = _strata(pair, rows)
    return Contrast(pair=pair, rows=rows, z=pair.z[rows], w=pair.w[rows], strata=strata, unnamed=unnamed)


def _strata(pair: Pair, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
    if pair.strata is None:
        return None, np.zeros(len(rows), dtype=bool)
    names = pair.strata[rows]
    unnamed = np.asarray(names == "")
    _, codes = np.unique(np.where(unnamed, "\uffff", names), return_inverse=True)
    return codes, unnamed


def _left(factor: NDArray[np.integer], columns: FloatArray) -> float:
    H = np.hstack([np.ones((len(factor), 1)), columns])
    residual = factor - H @ np.linalg.lstsq(H, factor.astype(np.float64), rcond=None)[0]
    return float(residual.var() / max(factor.var(), 1e-300))
