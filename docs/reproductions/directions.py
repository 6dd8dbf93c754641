"""Directions of two factors, how far halves of the data agree on them, and what cosines of them decide."""

import numpy as np

from unsinter.probes import MassMeanProbe, percentile_interval

FIRM = 0.9  # halves of the groups agree on a direction by a cosine of more than this
QUOTED = {"gemma-2b-it": (0.22, 0.36), "qwen-1_8b-chat": (0.16, 0.30)}


def mean_difference(X, y):
    """The contrast of Arditi et al.: mean of class 1 less mean of class 0 (d,)."""
    return MassMeanProbe(whiten=False).fit(X, y).coef_[0]


def double_difference(X, y, fixed):
    """The contrast of Wu et al.: the mean of the two differences with the other factor held fixed (d,)."""
    return sum(mean_difference(X[fixed == level], y[fixed == level]) for level in (0, 1)) / 2


def cosine(u, v):
    return float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)))


def drawn_rows(groups, *, n, seed):
    """Row numbers with whole groups drawn with replacement; the first entry is every row once."""
    names = np.unique(groups)
    rng = np.random.default_rng(seed)
    members = {name: np.flatnonzero(groups == name) for name in names}
    drawn = [np.concatenate([members[name] for name in rng.choice(names, len(names))]) for _ in range(n)]
    return [np.arange(len(groups)), *drawn]


def with_interval(values):
    """The value of all rows, with the 95 % interval of the draws."""
    low, high = percentile_interval(np.array(values[1:]))
    return values[0], low, high


def half_masks(groups, *, n, seed):
    """Rows (n, n_rows) of one half of the groups, drawn anew each time."""
    names = np.unique(groups)
    rng = np.random.default_rng(seed)
    return [np.isin(groups, rng.permutation(names)[: len(names) // 2]) for _ in range(n)]


def agreement(contrast, halves):
    """Median over splits of the cosine that a contrast of rows has with the same of all other rows."""
    return float(np.median([cosine(contrast(half), contrast(~half)) for half in halves]))


def shown(estimate):
    value, low, high = estimate
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def cell_offsets(X, harm, refusal):
    """Offset of each cell's mean from the mean of the other three means, by (harmful, refused)."""
    means = {(h, r): X[(harm == h) & (refusal == r)].mean(axis=0) for h in (1, 0) for r in (1, 0)}
    return {
        cell: mean - np.mean([other for name, other in means.items() if name != cell], axis=0)
        for cell, mean in means.items()
    }


def released_verdict(name, model):
    """Whether the cosines at positions -5 and -3 lie where they were measured before."""
    first, last = model["layers"]
    cosines = [x for position in ("-5", "-3") for x in model["cosine_with_last"][position][first : last + 1]]
    low, high = QUOTED[name]
    numbers = f"{min(cosines):.2f} to {max(cosines):.2f} where {low:.2f} to {high:.2f} was measured before"
    if min(cosines) > low - 0.01 and max(cosines) < high + 0.01:
        return f"reproduced: {numbers}."
    if max(cosines) < 0.5:
        return f"not reproduced to the figure: {numbers}; all of them are low all the same."
    return f"not reproduced: {numbers}."


def magnitudes(estimate):
    """Least and largest absolute value in an interval."""
    _, low, high = estimate
    ends = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else ends[0]), ends[1]


def position_verdict(position_only, noise, position):
    """Which layers show a low cosine with the template's end that is neither two concepts nor noise."""
    layers = [layer for layer, name in position_only if name == position]
    halves = {layer: np.minimum(noise[layer, position], noise[layer, "template_end"]) for layer in layers}
    firm = {layer: position_only[layer, position] for layer in layers if halves[layer] > FIRM}
    if not firm:
        return (
            "cannot be told here: at no layer do two halves of the groups agree on the direction at both positions "
            f"(by {max(halves.values()):.2f} at most)."
        )
    where = f"of {len(firm)} layers where the halves agree"
    low = [estimate[0] for estimate in firm.values() if magnitudes(estimate)[1] < 0.5]
    if low:
        numbers = f"{min(low):+.2f} to {max(low):+.2f}" if len(low) > 1 else f"{low[0]:+.2f}"
        return (
            f"reproduced at {len(low)} {where}: one contrast, two positions, a cosine of {numbers}. "
            "A low cosine of two factors read at two positions is no evidence of two concepts."
        )
    kept = [value for value, low_end, _ in firm.values() if low_end > 0.5]
    if len(kept) < len(firm):
        left = len(firm) - len(kept)
        return (
            f"cannot be told here: at {left} {where} the interval is neither within .5 of zero nor above .5."
        )
    return f"not reproduced: the contrast keeps its direction at all {where[3:]}, a cosine of {min(kept):.2f} at least."


def layers_verdict(same, lone_cell, noise_factors):
    """Whether harm and refusal part with depth; intervals that overlap leave it open."""
    first, last = min(same), max(same)
    numbers = f"{shown(same[first])} at layer {first}, {shown(same[last])} at layer {last}"
    for layer in (first, last):
        if not noise_factors[layer] > FIRM:
            return (
                f"cannot be told here: {numbers}; but at layer {layer} two halves of the groups agree on the directions by "
                f"{noise_factors[layer]:.2f} only."
            )
        if lone_cell[layer] > 0.9:
            return (
                f"cannot be told here: {numbers}; but at layer {layer} the offset of one kind of prompt gives the same "
                f"(cosine {lone_cell[layer]:.2f}), so it is not seen to be harm or refusal."
            )
    (early_least, early_most), (late_least, late_most) = magnitudes(same[first]), magnitudes(same[last])
    if early_least > late_most and late_most < 0.3:
        return f"reproduced: {numbers}."
    if early_most < late_least or late_least > 0.3:
        return f"not reproduced: {numbers}."
    if max(early_most, late_most) < 0.3:
        return f"not reproduced: independent late, and early too: {numbers}."
    return f"cannot be told here: {numbers}; the intervals leave it open."
