"""Several sampled answers to one prompt: a label by majority, the share that refused, what that caps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.weighted_auroc import auroc
from unsinter.studies.data.estimate import NAN
from unsinter.studies.data.targets import Response, SampleLabel

N_DRAWS = 200
"""Draws of every prompt's own rate that a ceiling is a mean over."""

_LEAST = 1e-3
"""Of the correlation of two samples of one prompt, and one minus it: the distribution stays proper."""


def answer_by_majority(answers: Sequence[Response]) -> Response:
    """Return one answer for several samples: R of most labelled ones, W of most that refused.

    Samples without a label are not counted. Where two values of R are equally frequent there is no label. The
    text is that of the first sample with the label.
    """
    labelled = [answer for answer in answers if answer.refusal is not None]
    if not labelled:
        return replace(answers[0], n_samples=0, n_refused=0)
    counts = Counter(answer.refusal for answer in labelled).most_common()
    kept: dict[str, Any] = {
        "n_samples": len(labelled),
        "n_refused": sum(a.refusal == "refusal" for a in labelled),
        "samples": tuple(SampleLabel(a.refusal, a.wording) for a in labelled),
    }
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        tied = replace(labelled[0], refusal=None, wording=None, missing="its samples are tied")
        return replace(tied, **kept)
    own = [answer for answer in labelled if answer.refusal == counts[0][0]]
    wordings = Counter(answer.wording for answer in own if answer.wording)
    wording = wordings.most_common(1)[0][0] if wordings else None
    return replace(own[0], wording=wording, **kept)


def sampling_ceiling(
    n_refused: LabelArray, n_samples: LabelArray, *, seed: int = 0, by_sample: bool = False
) -> float:
    """Return the AUROC that a reader who knew each prompt's own rate of refusing would reach on the labels.

    The labels are majorities of as many samples, drawn anew, or with ``by_sample`` these samples one by one:
    where a prompt refuses every other time, no reader tells which. Rates are drawn from what the counts say
    of them, with a beta distribution over all prompts fitted by its moments. NaN where there are no two
    samples, or one kind of label only.

    Parameters
    ----------
    n_refused, n_samples : (n,) of each prompt; prompts without a sample are left out.
    """
    x, k = (np.asarray(values, dtype=float) for values in (n_refused, n_samples))
    x, k = x[k > 0], k[k > 0]
    if not len(k) or k.max() < 2:
        return NAN
    several = k > 1
    mean = float(x.sum() / k.sum())
    if not 0 < mean < 1:
        return NAN
    excess = (x[several] / k[several] - mean) ** 2 / (mean * (1 - mean)) - 1 / k[several]
    correlation = float(np.clip(excess.sum() / (1 - 1 / k[several]).sum(), _LEAST, 1 - _LEAST))
    total = 1 / correlation - 1
    rng = np.random.default_rng(seed)
    rates = rng.beta(mean * total + x, (1 - mean) * total + k - x, size=(N_DRAWS, len(k)))
    drawn = rng.binomial(k.astype(int), rates)
    reach = _reached_by_sample if by_sample else _reached_by_majority
    reached = [reach(rate, n, k) for rate, n in zip(rates, drawn, strict=True)]
    return float(np.nanmean(reached)) if np.isfinite(reached).any() else NAN


def _reached_by_majority(rate: FloatArray, n: LabelArray, k: FloatArray) -> float:
    """Return the AUROC of the rates on majorities of drawn counts; NaN where there is one kind of them."""
    untied = 2 * n != k
    return float(auroc(rate[untied], (2 * n > k)[untied])[0])


def _reached_by_sample(rate: FloatArray, n: LabelArray, k: FloatArray) -> float:
    """Return the AUROC of the rates on every drawn sample; NaN where there is one kind of them."""
    both = np.concatenate([rate, rate])
    is_refused = np.repeat([True, False], len(rate))
    return float(auroc(both, is_refused, weights=np.concatenate([n, k - n])[None])[0])
