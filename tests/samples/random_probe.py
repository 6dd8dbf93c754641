"""A probe of random weights, of any depth: what files, other formats and the monitor are tried on."""

from itertools import pairwise

import numpy as np

from unsinter.probes.files.exported import ProbeWeights

CARD = {"layer": 2, "position": "template_end", "target": "D", "model": {"name": "tiny", "weights": "ab"}}


def random_probe(*, widths=(5, 1), classes=("a", "b"), seed=0, card=CARD, **parts):
    """Return a probe of layers from ``widths[0]`` columns to ``widths[-1]`` scores, ``parts`` replaced."""
    rng = np.random.default_rng(seed)
    layers = tuple((rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in pairwise(widths))
    own = {
        "family": "logistic" if len(widths) == 2 else "mlp",
        "threshold": 0.25 if len(classes) == 2 else None,
    }
    return ProbeWeights(layers=layers, classes=classes, card=card, **own | parts)
