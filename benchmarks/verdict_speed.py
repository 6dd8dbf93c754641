"""Time of all verdicts of a large study: 26 layers x 3 positions, n = 2,000, d = 2,304, 1,000 draws.

The pairs are those of a study with 8 categories and 4 wordings: detection against refusal on all rows,
against each wording on refused rows, each category against each wording, detection against each topic.
Activations are planted; reading them from a cache is not timed (see cache.py).

    python benchmarks/verdict_speed.py --jobs 2 --out benchmarks/results/verdict_speed.json
"""

import argparse
import json
import resource
import time
from pathlib import Path

import machine
import numpy as np

from unsinter.studies.separation import Pair, Rule
from unsinter.studies.separation.judge import judge_pairs

LAYERS, POSITIONS, D, N = 26, 3, 2304, 2000
CATEGORIES, WORDINGS, TEXT = 8, 4, 4096


def main() -> None:
    """Judge every pair at every site and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pairs, labels = study_pairs()
    sites = [(layer, f"position_{p}") for p in range(POSITIONS) for layer in range(options.layers)]
    wall = time.perf_counter()
    judge_pairs(lambda layer, p: site(layer, int(p[-1]), labels), sites, pairs, Rule(), n_jobs=options.jobs)
    result = {
        "machine": machine.describe(),
        "sites": len(sites),
        "contrasts": len(pairs),
        "n": N,
        "d": D,
        "draws": Rule().n_draws,
        "jobs": options.jobs,
        "seconds": round(time.perf_counter() - wall, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def study_pairs() -> tuple[list[Pair], dict[str, np.ndarray]]:
    """Return the contrasts, and the labels that activations are made of."""
    rng = np.random.default_rng(0)
    harmful = rng.integers(0, 2, N)
    refused = np.where(rng.random(N) < 0.8, harmful, 1 - harmful)
    topic, wording = rng.integers(0, CATEGORIES, N), rng.integers(0, WORDINGS, N)
    text = rng.random((N, TEXT), dtype=np.float32) < 0.005
    shared = {"groups": np.arange(N), "text": text.astype(np.float32)}
    topics = np.array([f"topic{t}" for t in topic])

    def only(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.where(rows, codes, -1)

    was = refused == 1
    pairs = [Pair(name="D-R", z=harmful, w=refused, strata=topics, **shared)]
    for style in range(WORDINGS):
        w = only(wording == style, was)
        pairs.append(Pair(name="D-W", z=only(harmful, was), w=w, strata=topics, **shared))
    both = was & (harmful == 1)
    for category in range(CATEGORIES):
        for style in range(WORDINGS):
            z, w = only(topic == category, both), only(wording == style, both)
            pairs.append(Pair(name="C-W", z=z, w=w, **shared))
        pairs.append(Pair(name="D-topic", z=harmful, w=(topic == category).astype(int), **shared))
    return pairs, {"harmful": harmful, "refused": refused, "topic": topic, "wording": wording}


def site(layer: int, position: int, labels: dict[str, np.ndarray]) -> np.ndarray:
    """Return activations (N, D) of one site: an axis per factor in noise of falling variance."""
    rng = np.random.default_rng([layer, position])
    X = rng.standard_normal((N, D), dtype=np.float32) / np.sqrt(np.arange(1, D + 1, dtype=np.float32))
    for codes in labels.values():
        axes = rng.standard_normal((int(codes.max()) + 1, D), dtype=np.float32) / np.sqrt(D)
        X += 3 * axes[codes]
    return X


if __name__ == "__main__":
    main()
