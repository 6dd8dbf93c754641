"""CPU seconds and held-out AUROC of all layers' and folds' MLP probes, beside scikit-learn's loop.

Both standardise each fold's training rows and train one hidden layer of the same width, stopped early on a
tenth of those rows; everything else is each side's default. Activations are synthetic: variance falls as one
over rank, two coordinates are huge, and the label is part linear and part an exclusive-or of two directions
that lie in no single coordinate. In the worlds of the bar the three directions share the activations'
spectrum; one world more (``leading`` false) has them weak and in any direction, where components lose.

    OMP_NUM_THREADS=1 python benchmarks/mlp.py --out benchmarks/results/mlp.json
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import machine
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.probes.mlp.batch import fit_mlps
from unsinter.probes.mlp.job import MLPSettings
from unsinter.probes.tasks import Task


def world(layers: int, n: int, d: int, seed: int, *, leading: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return activations (layers, n, d) float32 and labels (n,): one label, another basis in every layer."""
    rng = np.random.default_rng([seed, d])
    y = rng.integers(0, 2, n)
    first = rng.choice([-1.0, 1.0], n)
    second = first * (2 * y - 1)
    X = np.empty((layers, n, d), dtype=np.float32)
    for layer in range(layers):
        mix = rng.normal(size=(d, d)) / np.sqrt(d) / np.sqrt(np.arange(1, d + 1))[:, None]
        axes = rng.normal(size=(3, d)) @ (mix if leading else np.eye(d))
        axes = np.linalg.qr(axes.T)[0].T * (1.0 if leading else 0.3)
        signs = np.stack([0.4 * first, 0.4 * second, 0.1 * (2 * y - 1)], axis=1)
        X[layer] = rng.normal(size=(n, d)) @ mix + signs @ axes
        X[layer, :, :2] *= 1000.0
    return X, y


def loop(X: np.ndarray, y: np.ndarray, folds: list, width: int) -> list[float]:
    """Return AUROC of every layer and fold with scikit-learn, one network after another."""
    outcome = []
    for layer in X:
        for train, test in folds:
            model = MLPClassifier(hidden_layer_sizes=(width,), early_stopping=True, random_state=0)
            pipeline = make_pipeline(StandardScaler(), model).fit(layer[train], y[train])
            outcome.append(roc_auc_score(y[test], pipeline.predict_proba(layer[test])[:, 1]))
    return outcome


def batched(X: np.ndarray, y: np.ndarray, folds: list, settings: MLPSettings) -> list[float]:
    """Return AUROC of every layer and fold, all networks trained at once."""
    tasks = [
        Task(codes=y, n_classes=2, weights=np.isin(np.arange(len(y)), train).astype(float))
        for train, _ in folds
    ]
    networks = iter(fit_mlps(X, tasks, settings, [0]))
    return [roc_auc_score(y[test], next(networks).scores(layer[test])) for layer in X for _, test in folds]


def compared(layers: int, n: int, d: int, settings: MLPSettings, seed: int, leading: bool) -> dict:
    """Return CPU seconds and AUROC of both on one world."""
    X, y = world(layers, n, d, seed, leading=leading)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(X[0], y))
    start = time.process_time()
    theirs = loop(X, y, folds, settings.width)
    middle = time.process_time()
    ours = batched(X, y, folds, settings)
    end = time.process_time()
    gain = np.subtract(ours, theirs)
    return {
        "layers": layers, "folds": 5, "leading": leading, "rows": n, "d_model": d, "seed": seed,
        "cpu_seconds": {"MLPClassifier loop": middle - start, "unsinter": end - middle},
        "times_less": (middle - start) / (end - middle),
        "auroc": {
            name: {"mean": float(np.mean(v)), "standard_deviation": float(np.std(v)), "lowest": min(v)}
            for name, v in (("MLPClassifier loop", theirs), ("unsinter", ours))
        },
        "auroc_gain": {
            "mean": float(gain.mean()),
            "standard_deviation": float(gain.std()),
            "lowest": float(gain.min()),
        },
    }  # fmt: skip


def main() -> None:
    """Run both worlds and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    settings = MLPSettings(width=args.width)
    small, y = world(1, 200, 32, 9)
    folds = list(StratifiedKFold(2).split(small[0], y))
    loop(small, y, folds, 8)
    batched(small, y, folds, settings)  # libraries load once, before the clock
    runs = []
    for seed in args.seeds:
        for layers, d, leading in ((6, 512, True), (2, 2304, True), (2, 512, False)):
            runs.append(compared(layers, args.rows, d, settings, seed, leading))
            shown = ("d_model", "leading", "times_less", "auroc")
            print(json.dumps({name: runs[-1][name] for name in shown}), flush=True)
    result = {
        "machine": machine.describe(),
        "what": {"settings": {name: getattr(settings, name) for name in settings.__slots__}},
        "runs": runs,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
