"""CPU seconds of a transfer matrix at every layer, beside a loop that refits and scores each cell.

The loop is what notebooks do: for every layer and every pair of categories, scikit-learn's scaler and
logistic regression are fitted on "category i against harmless" and scored on "category j against harmless".
Ours fits each row once and also draws the 95 % cluster-bootstrap interval of every cell. Both minimise one
objective, with scikit-learn's default C = 1. At its default tolerance the loop's AUROCs are off by up to 0.01
and more, so it is timed at 1e-5 as well, where both give the same cells.

    OMP_NUM_THREADS=1 python benchmarks/transfer.py --out benchmarks/results/transfer.json
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import machine
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.studies.transfer.cell_scores import Board, intervals
from unsinter.studies.transfer.matrices import probe_scores
from unsinter.studies.transfer.plans import Examples, Plan, category_plans


def world(n: int, n_categories: int, seed: int) -> tuple[Examples, np.ndarray]:
    """Return rows of which half are harmful, in ten categories, a quarter held out."""
    rng = np.random.default_rng(seed)
    harmful = np.arange(n) % 2 == 1
    categories = np.array([f"category {i // 2 % n_categories}" if h else "" for i, h in enumerate(harmful)])
    examples = Examples(
        ids=np.array([f"p{i:05d}" for i in range(n)]),
        groups=np.array([f"g{i:05d}" for i in range(n)]),
        labels=np.where(harmful, "harmful", "harmless"),
        is_test=rng.random(n) < 0.25,
        is_present=np.ones(n, dtype=bool),
    )
    return examples, categories


def layer(number: int, categories: np.ndarray, d: int, seed: int) -> np.ndarray:
    """Return activations (n, d): correlated columns of unequal size; harm partly shared by categories."""
    rng = np.random.default_rng([seed, number])
    names = [name for name in np.unique(categories) if name]
    axes = rng.normal(size=(len(names) + 1, d)) / np.sqrt(d)
    # Variance falls as one over rank, as principal components of language models' activations do.
    mix = rng.normal(size=(d, d)) / np.sqrt(d) / np.sqrt(np.arange(1, d + 1))[:, None]
    X = rng.normal(size=(len(categories), d)) @ mix
    for name, own in zip(names, axes[1:], strict=True):
        X[categories == name] += 0.15 * (axes[0] + own)
    X[:, :3] *= 100.0  # a few very large dimensions, which scaling has to undo
    return X.astype(np.float32)


def refit_and_score(X: np.ndarray, plan: Plan, tolerance: float) -> np.ndarray:
    """Return the matrix (n_categories, n_categories), refitted for every cell."""
    outcome = []
    for trained, tested in plan.cells:
        up, down = plan.trained[trained].positive, plan.trained[trained].negative
        train = np.r_[up, down]
        model = LogisticRegression(tol=tolerance, max_iter=5000)
        pipeline = make_pipeline(StandardScaler(), model).fit(X[train], np.isin(train, up))
        up, down = plan.tested[tested].positive, plan.tested[tested].negative
        test = np.r_[up, down]
        outcome.append(roc_auc_score(np.isin(test, up), pipeline.decision_function(X[test])))
    return np.reshape(outcome, (len(plan.trained), len(plan.tested)))


def ours(X: np.ndarray, board: Board) -> np.ndarray:
    """Return the matrix with its intervals (n_categories, n_categories, 3)."""
    side = next(iter(board.plan.trained.values()))
    penalty = 1 / (len(side.positive) + len(side.negative))
    (scores,) = probe_scores(X, [board], penalty=penalty)
    cells = np.array([board.cells(row) for row in scores])
    bounds = intervals(cells[:, :, 1:].reshape(-1, cells.shape[2] - 1)).reshape(*cells.shape[:2], 2)
    return np.concatenate([cells[:, :, :1], bounds], axis=2)


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the result and CPU seconds, children not counted (there are none)."""
    start = time.process_time()
    return work(), time.process_time() - start


def main() -> None:
    """Run both over all layers, in turn, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=26)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--categories", type=int, default=10)
    parser.add_argument("--draws", type=int, default=1000)
    args = parser.parse_args()
    examples, categories = world(args.rows, args.categories, seed=0)
    plan, _ = category_plans(examples, categories, min_groups=30, seed=0) or (None, None)
    if plan is None:
        raise SystemExit("too few rows for a matrix of categories")
    board, cpu_board = None, 0.0
    board, cpu_board = timed(lambda: Board(plan, examples.groups, n_draws=args.draws, seed=0))
    ours(layer(99, categories, args.width, 0), board)  # libraries load once, before the clock
    seconds = {"refit and score": 0.0, "refit and score, tolerance 1e-5": 0.0, "unsinter": cpu_board}
    largest, widths = 0.0, []
    for number in range(args.layers):
        X = layer(number, categories, args.width, 0)
        _, cpu = timed(lambda X=X: refit_and_score(X, plan, 1e-4))
        seconds["refit and score"] += cpu
        loop, cpu = timed(lambda X=X: refit_and_score(X, plan, 1e-5))
        seconds["refit and score, tolerance 1e-5"] += cpu
        outcome, cpu = timed(lambda X=X: ours(X, board))
        seconds["unsinter"] += cpu
        largest = max(largest, float(np.abs(outcome[:, :, 0] - loop).max()))
        widths.append(float((outcome[:, :, 2] - outcome[:, :, 1]).mean()))
        print(
            number, {name: round(value, 2) for name, value in seconds.items()}, round(largest, 5), flush=True
        )
    result = {
        "machine": machine.describe(),
        "what": {
            "cells": len(list(product(plan.trained, plan.tested))),
            "layers": args.layers,
            "width": args.width,
            "rows": args.rows,
            "bootstrap draws (ours only)": args.draws,
            "training rows per fit": [
                len(s) for s in (plan.trained["category 0"].positive, plan.trained["category 0"].negative)
            ],
        },
        "cpu_seconds": seconds,
        "times_less": {name: value / seconds["unsinter"] for name, value in seconds.items()},
        "largest_difference_auroc_at_tolerance_1e-5": largest,
        "mean_interval_width": float(np.mean(widths)),
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["cpu_seconds"]), result["times_less"], largest)


if __name__ == "__main__":
    main()
