"""How often the verdict is right, wrong or silent on planted worlds of every kind: the rows of verdict_plan.

"Wrong" is a verdict that the world lists as false; "right" is its planted truth, or ``not-apart`` where
unknown errors of the labels may feign that one factor only is read. Where two straight axes are planted,
"oracle" is how often the same verdict says separable on these two axes alone: what the data would allow.

Worlds are drawn in passes of 20 over all rows. Rows are written as they are finished and no world is drawn
again, so that a run may be stopped and taken up, and --worlds raised later.

    OMP_NUM_THREADS=1 python benchmarks/verdict.py --worlds 100 --jobs 2 --out benchmarks/results/verdict.json
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import norm
from verdict_plan import PLAN, Row
from verdict_table import kind_table, line, table

from unsinter.features.worlds import WORLDS, World, make_world
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation import Pair, Rule, judge_arrays
from unsinter.studies.separation.power import binomial_share

SCHEMA = 2
PASS = 20
"""Worlds of each row between two looks at any other."""

KEPT_CALLS = 10
"""Wrong calls of a row that are written down in full."""


def main() -> None:
    """Draw what is asked, pass by pass and row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", type=int, default=100, help="draws of every row")
    parser.add_argument("--only", nargs="*", choices=list(WORLDS), metavar="WORLD", help="kinds to draw")
    parser.add_argument("--first", type=int, help="draw only so many rows of the plan, from its beginning")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--table",
        choices=("rows", "kinds"),
        help="only print what is in --out, as Markdown, by row or kind",
    )
    options = parser.parse_args()
    results = read(options.out)
    if options.table:
        print({"rows": table, "kinds": kind_table}[options.table](results["rows"]))
        return
    rows = [row for row in PLAN if not options.only or row.world in options.only][: options.first]
    for wanted in [*range(PASS, options.worlds, PASS), options.worlds]:
        for row in rows:
            entry = entry_of(row, results["rows"])
            if entry["worlds"] >= wanted:
                continue
            extend(entry, row, wanted, n_jobs=options.jobs)
            results |= {"machine": machine.describe()}
            write(results, options.out)
            print(line(entry), flush=True)


def read(path: Path) -> dict[str, Any]:
    """Return the results so far; stops where the file is of another schema."""
    if not path.exists():
        return {"schema": SCHEMA, "rows": []}
    results: dict[str, Any] = json.loads(path.read_text())
    if results.get("schema") != SCHEMA:
        sys.exit(
            f"{path} must be of schema {SCHEMA}, got {results.get('schema')}: its rows are of an earlier "
            "plan; give another --out, or remove the file."
        )
    return results


def write(results: dict[str, Any], path: Path) -> None:
    """Replace the file at once, so that a stop leaves it whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(path)


def entry_of(row: Row, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of a row, added if there is none."""
    key = row.key()
    for entry in entries:
        if all(entry[name] == value for name, value in key.items()):
            return entry
    kind = WORLDS[row.world]
    entry = key | {
        "truth": kind.truth,
        "identifiable": kind.is_identifiable,
        "worlds": 0,
        "verdicts": {},
        "reasons": {},
        "right": 0,
        "wrong": 0,
        "wrong_interval": [0.0, 1.0],
        "oracle": 0 if has_oracle(row) else None,
        "seconds": 0.0,
        "wrong_calls": [],
    }
    entries.append(entry)
    return entry


class Call(NamedTuple):
    """The verdict on one world."""

    seed: int
    verdict: str
    reason: Reason
    is_right: bool
    is_wrong: bool
    oracle: str
    seconds: float
    evidence: dict[str, list[float]]


def extend(entry: dict[str, Any], row: Row, n_worlds: int, *, n_jobs: int) -> None:
    """Draw the worlds of a row that are still missing and add them to its counts."""
    seeds = range(entry["worlds"], n_worlds)
    calls = Parallel(n_jobs=n_jobs)(delayed(draw)(row, seed) for seed in seeds)
    for call in calls:
        counted = {"verdicts": call.verdict}
        if call.verdict == "undetermined":
            counted["reasons"] = call.reason.short
        for column, value in counted.items():
            entry[column] = dict(Counter(entry[column]) + Counter({value: 1}))
        entry["right"] += call.is_right
        entry["wrong"] += call.is_wrong
        if entry["oracle"] is not None:
            entry["oracle"] += call.oracle == "separable"
        entry["seconds"] = round(entry["seconds"] + call.seconds, 2)
        if call.is_wrong and len(entry["wrong_calls"]) < KEPT_CALLS:
            kept = ("seed", "verdict", "reason", "evidence")
            entry["wrong_calls"].append({name: getattr(call, name) for name in kept})
    entry["worlds"] = n_worlds
    share = binomial_share(entry["wrong"], n_worlds)
    entry["wrong_interval"] = [round(share.low, 4), round(share.high, 4)]


def draw(row: Row, seed: int) -> Call:
    """Draw one world of a row and judge it."""
    effect = math.sqrt(2) * float(norm.ppf(row.auc))
    world = make_world(row.world, n=row.n, d=row.d, phi=row.phi, seed=seed, effect=effect, **row.knobs)
    pair = pair_of(world)
    started = time.process_time()
    judged = judge_arrays(world.X, pair)
    seconds = time.process_time() - started
    bands = {name: rounded(value) for name, value in asdict(judged.evidence).items()}
    return Call(
        seed=seed,
        verdict=judged.verdict,
        reason=judged.reason,
        is_right=judged.verdict in world.right,
        is_wrong=judged.verdict in world.wrong,
        oracle=oracle(world, pair) if has_oracle(row) else "",
        seconds=seconds,
        evidence={name: value for name, value in bands.items() if value}
        if judged.verdict in world.wrong
        else {},
    )


def pair_of(world: World) -> Pair:
    """Return what a study of the world would ask."""
    return Pair(
        name=world.name,
        z=world.z,
        w=world.w,
        groups=world.groups,
        strata=world.strata,
        text=world.known_text,
        covariates=world.covariates,
        z_sure=world.z_sure,
        w_sure=world.w_sure,
    )


def has_oracle(row: Row) -> bool:
    """Return whether two straight axes are planted, each for one factor."""
    kind = WORLDS[row.world]
    return kind.truth == "separable" and kind.is_straight


def oracle(world: World, pair: Pair) -> str:
    """Return the verdict of a reader who knows the planted axes.

    Noise along these is independent of all beside them, so nothing is lost. In two dimensions every row has
    another one in its direction, so copies are not looked for.
    """
    X = world.X @ np.stack([world.u_z, world.u_w], axis=1)
    return judge_arrays(X, pair, Rule(near_copies=1.0)).verdict


def rounded(value: Any) -> list[float]:
    """Return an estimate as its value and limits; empty where it was not made."""
    numbers = list(value.values()) if isinstance(value, dict) else list(np.atleast_1d(value))
    return [round(float(x), 4) for x in numbers] if np.isfinite(numbers[0]) else []


if __name__ == "__main__":
    main()
