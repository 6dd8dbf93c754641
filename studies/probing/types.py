"""What a probe at one site is asked and what it answers: rows, fits, scores, and the choice among sites."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.calibration import Calibration
from unsinter.probes.metrics import auroc, macro_f1
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import NAN, Site
from unsinter.studies.data.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How scores become decisions and probabilities: chosen on out-of-fold scores of the training rows.

    Attributes
    ----------
    threshold : score of the positive class above which it is called; zero for many classes.
    strict_threshold : the same with 1 % of the negatives above it; NaN for many classes.
    """

    threshold: float
    strict_threshold: float
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteControls:
    """What the same site scores on labels without meaning, and how short a code it gives the labels.

    ``control_low`` and ``control_high`` are the 95 % interval of ``control`` over its ``control_groups``
    groups. ``shuffled`` is a mean over draws, ``shuffled_sd`` the standard deviation of one. NaN where the
    study left a control out or the rows do not allow it.
    """

    control: float = NAN
    control_low: float = NAN
    control_high: float = NAN
    control_groups: int = 0
    shuffled: float = NAN
    shuffled_sd: float = NAN
    code_bits: float = NAN
    compression: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFit:
    """A probe fitted on all training rows at one site, with the penalty the inner folds chose.

    Attributes
    ----------
    inner_score : mean score over the inner folds at that penalty; the site is chosen by it.
    scores : (n_test,) or (n_test, n_classes) held-out scores, columns in the target's order.
    layers : (weight, bias) per layer, on raw activations; one for a linear probe, ReLU between several.
    examples : (n, d_model) activations that an exported probe stores to test itself.
    trial : number of the tuning trial that made it; -1 in a sweep.
    """

    site: Site
    family: str
    penalty: float
    inner_score: float
    scores: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    operation: Operation
    controls: SiteControls
    converged: bool
    examples: FloatArray
    trial: int = -1


def score(
    target: Target, scores: FloatArray, truth: NDArray[np.str_], *, weights: FloatArray | None = None
) -> FloatArray:
    """Return AUROC of two classes, else macro-F1, for each weighting (n_weightings,)."""
    if target.is_binary:
        return auroc(scores, truth == target.classes[1], weights=weights)
    return macro_f1(np.array(target.order)[scores.argmax(axis=1)], truth, weights=weights)


def chosen(fits: Sequence[SiteFit]) -> SiteFit:
    """Return the fit with the best inner score; of equals, the first. No test row has a say."""
    return max(fits, key=lambda fit: fit.inner_score)
