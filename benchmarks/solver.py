"""The whole linear grid of a layer against scikit-learn, side by side: 3 targets x 10 penalties x 5 folds.

python benchmarks/solver.py [--out benchmarks/results/solver.json]

Activations are drawn with a power-law spectrum in rotated coordinates, a constant offset and two coordinates
hundreds of times larger than the rest. CPU seconds of this process; one thread (OMP_NUM_THREADS=1).
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from machine import describe
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from unsinter.probes import GridSolver, Task

CLASSES = (2, 6, 10)
PENALTIES = np.logspace(-4, 2, 10)
N_FOLDS = 5
TOLERANCES = (1e-4, 1e-6)
"""Of scikit-learn: its default, and one at which its objective is as low as ours at every penalty."""

CASES = (
    {"n": 2000, "d": 2304, "strength": 0.3},
    {"n": 2000, "d": 2304, "strength": 1.0},
    {"n": 1500, "d": 384, "strength": 0.3},
)


def activations(n: int, d: int, strength: float, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return X (n, d) float32 and one labelling per entry of ``CLASSES``."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, k, size=n) for k in CLASSES]
    latent = rng.normal(size=(n, d))
    for y, k in zip(labels, CLASSES, strict=True):
        latent[:, 5:45] += strength * 0.6 * rng.normal(size=(k, 40))[y]
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    X = (latent * np.arange(1, d + 1) ** -0.5) @ rotation
    X += 2 * X.std() * rng.normal(size=d)
    X[:, 7] = X[:, 7] * 500 + 300
    X[:, 100] = X[:, 100] * 1000 - 500
    return X.astype(np.float32), labels


def auroc(scores: np.ndarray, y: np.ndarray) -> float:
    """Return AUROC, of many classes the mean of one against the rest."""
    if scores.ndim == 1:
        return float(roc_auc_score(y, scores))
    return float(np.mean([roc_auc_score(y == k, scores[:, k]) for k in range(scores.shape[1])]))


def objective(Z: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: np.ndarray, penalty: float) -> float:
    """Return mean log loss + penalty / 2 |weights|^2 on standardised rows Z."""
    logits = Z @ coef.T + intercept
    if len(coef) == 1:
        logits = np.column_stack([np.zeros(len(Z)), logits[:, 0]])
    own = logits[np.arange(len(Z)), y]
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - own) + penalty / 2 * (coef**2).sum())


def ours(X: np.ndarray, labels: list[np.ndarray], folds: np.ndarray) -> tuple[float, list]:
    """Return CPU seconds and the fits, a list of folds per target."""
    started = time.process_time()
    tasks = [
        Task(codes=y, n_classes=k, weights=(folds != fold).astype(float))
        for y, k in zip(labels, CLASSES, strict=True)
        for fold in range(N_FOLDS)
    ]
    fits = GridSolver(X).fit(tasks, PENALTIES)
    scores = [fit.scores for fit in fits]
    seconds = time.process_time() - started
    assert len(scores) == len(tasks)
    return seconds, [fits[i : i + N_FOLDS] for i in range(0, len(fits), N_FOLDS)]


def compare(case: dict, seed: int, n_compared: int, tolerance: float, repeats: int) -> dict:
    """Run both in turn on one case; scikit-learn's default solver, at most 1000 iterations.

    In a repeat scikit-learn runs ``n_compared`` folds, others each time, and its seconds are scaled to all.
    """
    X, labels = activations(case["n"], case["d"], case["strength"], seed)
    folds = np.random.default_rng(seed).permutation(case["n"]) % N_FOLDS
    seconds, theirs, rows = [], [], []
    for repeat in range(repeats):
        own, fits = ours(X, labels, folds)
        chosen = [(repeat * n_compared + i) % N_FOLDS for i in range(n_compared)]
        loop, compared = scikit_learn(X, labels, folds, fits, chosen=chosen, tolerance=tolerance)
        seconds.append(own)
        theirs.append(loop * N_FOLDS / n_compared)
        rows += compared
    excess, gaps, to_end, iterations = (np.array(column) for column in zip(*rows, strict=True))
    times = np.array(theirs) / np.array(seconds)
    certificates = [fit.certificate for part in fits for fit in part]
    return case | {
        "seed": seed,
        "scikit_learn_tolerance": tolerance,
        "fits": len(CLASSES) * len(PENALTIES) * N_FOLDS,
        "folds_run_by_scikit_learn": n_compared,
        "repeats": repeats,
        "unsinter_cpu_seconds": round(float(np.median(seconds)), 2),
        "scikit_learn_cpu_seconds": round(float(np.median(theirs)), 1),
        "times_less_cpu": round(float(np.median(times)), 1),
        "times_less_cpu_of_repeats": times.round(1).tolist(),
        "objective_excess_max": float(np.max(excess)),
        "objective_excess_min": float(np.min(excess)),
        "objective_excess_median": float(np.median(excess)),
        "certificate_max_from_penalty_1e-2": float(np.array(certificates)[:, PENALTIES >= 0.0099].max()),
        "auroc_difference_max": float(np.max(np.abs(gaps))),
        "auroc_difference_mean": float(np.mean(gaps)),
        "auroc_difference_to_1e-8_max": float(np.max(np.abs(to_end))),
        "not_converged": int(sum((~fit.converged).sum() for part in fits for fit in part)),
        "iterations_unsinter_mean": float(np.mean([fit.n_iter for part in fits for fit in part])),
        "iterations_scikit_learn_median": float(np.median(iterations)),
    }


def scikit_learn(
    X: np.ndarray,
    labels: list[np.ndarray],
    folds: np.ndarray,
    fits: list,
    *,
    chosen: list[int],
    tolerance: float,
) -> tuple[float, list[tuple[float, float, float, int]]]:
    """Return CPU seconds of the loop over the chosen folds, and per fit how ours compares.

    Excess of our objective over the loop's, AUROC less the loop's and less that of a fit solved to 1e-8, and
    the loop's iterations.
    """
    theirs, rows = 0.0, []
    for y, n_classes, by_fold in zip(labels, CLASSES, fits, strict=True):
        for fold in chosen:
            fit, train = by_fold[fold], folds != fold
            task = Task(codes=y, n_classes=n_classes, weights=train.astype(float))
            (end,) = GridSolver(X, dtype="float64").fit([task], PENALTIES, tolerance=1e-8, max_iter=2000)
            for column, penalty in enumerate(PENALTIES):
                started = time.process_time()
                scaler = StandardScaler().fit(X[train])
                Z = scaler.transform(X[train])
                model = LogisticRegression(C=1 / (penalty * train.sum()), tol=tolerance, max_iter=1000)
                model.fit(Z, y[train])
                decided = model.decision_function(scaler.transform(X[~train]))
                theirs += time.process_time() - started
                Z64 = (X[train].astype(np.float64) - scaler.mean_) / scaler.scale_
                reached = objective(Z64, y[train], model.coef_, model.intercept_, penalty)
                coef, intercept = fit.weights(column)
                mine = objective(
                    Z64, y[train], coef * scaler.scale_, intercept + coef @ scaler.mean_, penalty
                )
                value = auroc(fit.scores[column][~train], y[~train])
                rows.append((
                    mine / reached - 1,
                    value - auroc(decided, y[~train]),
                    value - auroc(end.scores[column][~train], y[~train]),
                    int(np.max(model.n_iter_)),
                ))  # fmt: skip
    return theirs, rows


def main() -> None:
    """Run every case and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/solver.json"))
    parser.add_argument(
        "--folds", type=int, default=1, help="folds that scikit-learn runs per repeat; scaled up"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    cases = []
    for tolerance in TOLERANCES:
        for case in CASES:
            cases.append(compare(case, options.seed, options.folds, tolerance, options.repeats))
            print(json.dumps(cases[-1]), flush=True)
    options.out.write_text(
        json.dumps({"machine": describe(), "cases": cases}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
