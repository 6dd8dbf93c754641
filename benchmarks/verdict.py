"""How often the verdict is right, wrong or silent, in every planted world, size and correlation of labels.

Each row of the result is one world at one n and one phi (correlation of the two factors), drawn many times.
"Wrong" is a verdict that the world lists as false; "right" is its planted truth. Beside it stands the rule of
thumb "the first factor survives erasing the second": LEACE fitted on all rows, then a cross-validated ridge
probe before and after.

Rows are written as they are finished and not drawn again, so that a run may be stopped and taken up, and
--worlds raised later.

    OMP_NUM_THREADS=1 python benchmarks/verdict.py --worlds 200 --jobs 2 --out benchmarks/results/verdict.json
"""

import argparse
import json
import time
from collections import Counter
from itertools import product
from pathlib import Path

import machine
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import beta, norm
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from unsinter.features.worlds import WORLDS, World, make_world
from unsinter.probes.erasure import fit_leace
from unsinter.studies.separation import Pair, judge_arrays

SIZES = (800, 2000, 300)
CORRELATIONS = (0.0, 0.3, 0.6, 0.8, 0.9)
KEPT = 0.8
"""Share of AUROC above chance that must survive for the rule of thumb to say separable."""


def main() -> None:
    """Draw what is asked, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200, help="draws of every row")
    parser.add_argument("--auc", type=float, default=0.99, help="of the best reader of a factor")
    parser.add_argument("--only", nargs="*", default=list(WORLDS), help="worlds to draw")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="only print what is in --out, as Markdown")
    asked = parser.parse_args()
    if asked.table:
        rows = json.loads(asked.out.read_text())["rows"]
        print(table([row for row in rows if row["auc"] == asked.auc]))
        return
    found = json.loads(asked.out.read_text()) if asked.out.exists() else {"rows": []}
    found |= {"machine": machine.describe()}
    for n, phi, name in product(asked.sizes, CORRELATIONS, asked.only):
        key = {"world": name, "n": n, "phi": phi, "auc": asked.auc}
        row = next((r for r in found["rows"] if all(r[k] == v for k, v in key.items())), None)
        if row is None:
            row = key | {
                "worlds": 0,
                "verdicts": {},
                "reasons": {},
                "rule_of_thumb": {},
                "wrong": 0,
                "right": 0,
            }
            found["rows"].append(row)
        extend(row, asked.worlds, n_jobs=asked.jobs)
        part = asked.out.with_suffix(".part")
        part.write_text(json.dumps(found, indent=1) + "\n")
        part.replace(asked.out)
        print(line(row), flush=True)


def extend(row: dict, n_worlds: int, *, n_jobs: int) -> None:
    """Draw the worlds of a row that are still missing and add them to its counts."""
    seeds = range(row["worlds"], n_worlds)
    started = time.process_time()
    drawn = Parallel(n_jobs=n_jobs)(
        delayed(draw)(row["world"], row["n"], row["phi"], row["auc"], seed) for seed in seeds
    )
    for verdict, reason, thumb, wrong, right in drawn:
        for column, value in (("verdicts", verdict), ("reasons", reason), ("rule_of_thumb", thumb)):
            if value:
                row[column] = dict(Counter(row[column]) + Counter({value: 1}))
        row["wrong"] += wrong
        row["right"] += right
    row["worlds"] = max(row["worlds"], n_worlds)
    row["seconds"] = round(time.process_time() - started, 1)


def draw(name: str, n: int, phi: float, auc: float, seed: int) -> tuple[str, str, str, bool, bool]:
    """Return verdict, kind of reason, the rule of thumb's answer, and whether the verdict is wrong, right."""
    effect = float(np.sqrt(2) * norm.ppf(auc))
    world = make_world(name, n=n, phi=phi, seed=seed, effect=effect)
    pair = Pair(name=name, z=world.z, w=world.w, groups=world.groups, strata=world.strata, text=world.text)
    found = judge_arrays(world.X, pair)
    reason = found.reason.split("(")[0].strip() if found.verdict == "undetermined" else ""
    reason = " ".join(word for word in reason.split() if not any(c.isdigit() for c in word))
    wrong, right = found.verdict in world.wrong, found.verdict == world.truth
    return found.verdict, reason, rule_of_thumb(world), bool(wrong), bool(right)


def rule_of_thumb(world: World) -> str:
    """Return separable, entangled or neither by "the first factor survives erasing the second"."""
    before = cross_validated_area(world.X, world.z)
    if before < 0.6:
        return "neither"
    after = cross_validated_area(fit_leace(world.X, world.w)(world.X), world.z)
    return "separable" if (after - 0.5) / (before - 0.5) >= KEPT else "entangled"


def cross_validated_area(X: np.ndarray, y: np.ndarray) -> float:
    """Return the AUROC of ridge scores from five folds, as a notebook would make it."""
    scores = np.empty(len(y))
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        scores[test] = Ridge(alpha=len(train)).fit(X[train], y[train]).predict(X[test])
    return float(roc_auc_score(y, scores))


def line(row: dict) -> str:
    """Return one row in words."""
    n = row["worlds"]
    told = ", ".join(f"{verdict} {times}" for verdict, times in sorted(row["verdicts"].items()))
    return (
        f"{row['world']:16s} n={row['n']:5d} phi={row['phi']:.1f} of {n}: {told}; wrong {row['wrong']} "
        f"[{interval(row['wrong'], n)[0]:.3f}, {interval(row['wrong'], n)[1]:.3f}]; "
        f"rule of thumb {row['rule_of_thumb']}; {row['seconds']} s"
    )


def table(rows: list[dict]) -> str:
    """Return right / wrong of 100 by world, n and phi, and how often the rule of thumb says separable."""
    told = [
        "| world | n | "
        + " | ".join(f"phi {phi:g}" for phi in CORRELATIONS)
        + " | rule of thumb: separable |",
        "|---|---|" + "---|" * (len(CORRELATIONS) + 1),
    ]
    for name, n in product(WORLDS, sorted(SIZES)):
        own = {row["phi"]: row for row in rows if (row["world"], row["n"]) == (name, n)}
        if not own:
            continue
        cells = [
            f"{100 * own[phi]['right'] / own[phi]['worlds']:.0f} / "
            f"{100 * own[phi]['wrong'] / own[phi]['worlds']:.0f}"
            if phi in own
            else "-"
            for phi in CORRELATIONS
        ]
        thumb = [100 * row["rule_of_thumb"].get("separable", 0) / row["worlds"] for row in own.values()]
        told.append(f"| {name} | {n} | {' | '.join(cells)} | {min(thumb):.0f}-{max(thumb):.0f} |")
    return "\n".join(told)


def interval(times: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper & Pearson)."""
    low = 0.0 if times == 0 else float(beta.ppf(0.025, times, n - times + 1))
    high = 1.0 if times == n else float(beta.ppf(0.975, times + 1, n - times))
    return low, high


if __name__ == "__main__":
    main()
