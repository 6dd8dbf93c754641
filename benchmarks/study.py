"""A whole study against the script that people write for it, for the same tables.

Scores, floors, controls, intervals and transfer of one model, four targets, 21 or 78 sites: on the prompts of
the demo, activations read by both; and on 2,000 rows x 26 layers x 3 positions x 2,304 of saved activations.
``notebook.py`` is the script: transformers with all hidden states, scikit-learn's scaler and cross-validated
logistic regression, 1,000 bootstrap draws in a loop. It takes labels and split from our run, so that its
scores can be compared with ours. CPU seconds of a process each, imports and our report included. Of the
script's sites each seventh is run, and of the intervals of a transfer matrix each eighth, and multiplied;
everything else of it is measured whole.

    OMP_NUM_THREADS=1 python benchmarks/study.py [--every 7] --out benchmarks/results/study.json
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import growth
import machine
import numpy as np
import pandas as pd
import yaml
from study_script import EACH_SITE, INTERVALS, POSITIONS, TARGETS

from unsinter.studies.planted import demo_prompts

STUDY: dict[str, Any] = {
    "name": "whole",
    "prompts": {"path": "prompts.jsonl"},
    "targets": list(TARGETS),
    "layers": "all",
    "positions": list(POSITIONS),
    "transfer": ["category"],
    "controls": {
        "shuffled": False, "code_length": False, "layer0_mean": False, "random_model": False,
        "permutations": 0,
    },
    "separation": {"pairs": []},
    "show": {"prompts": 0},
    "responses": {"path": "responses.jsonl", "model": "tiny"},
}  # fmt: skip
"""What the script computes too; of ours, further floors, calibration and a report come with it."""

SCRIPT = Path(__file__).resolve().parent / "study_script.py"


def main() -> None:
    """Measure both and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--every", type=int, default=7, help="of the script's sites, each so-manieth is run")
    parser.add_argument("--rows", type=int, default=2000, help="of the saved activations")
    parser.add_argument("--layers", type=int, default=26)
    parser.add_argument("--width", type=int, default=2304)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine.describe(), "every": options.every}
    with tempfile.TemporaryDirectory() as folder:
        result["planted model"] = compare(planted(Path(folder) / "planted"), every=options.every)
        print(json.dumps(result["planted model"], indent=1), flush=True)
        saved_study = saved(Path(folder) / "saved", options.rows, options.layers, options.width)
        result["saved activations"] = compare(saved_study, every=options.every)
        print(json.dumps(result["saved activations"], indent=1), flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def planted(folder: Path) -> Path:
    """Write a study of the planted model on the prompts of the demo."""
    model = {"name": "tiny", "path": "planted:detached", "dtype": "float32"}
    write(folder, demo_prompts(), {"models": [model]})
    return folder


def saved(folder: Path, rows: int, layers: int, width: int) -> Path:
    """Write a study of saved activations: harm, category, refusal and wording each in its own directions."""
    model = {
        "name": "tiny",
        "path": "saved/activations",
        "activations": {"path": "{layer}-{position}.npy", "ids": "ids.csv"},
    }
    records, answers = write(
        folder, growth.prompts(rows), {"models": [model], "prompts": growth.STUDY["prompts"]}
    )
    records[["id"]].to_csv(folder / "ids.csv", index=False)
    opening = answers["response_opening"]
    factors = [
        records["harmful"],
        records["topic"],
        opening.str.split().str[:2].str.join(" "),
        opening.str[:20],
    ]
    codes = [pd.factorize(factor.astype(str))[0] for factor in factors]
    for layer, position in product(range(1, layers + 1), POSITIONS):
        rng = np.random.default_rng([layer, POSITIONS.index(position)])
        mix = rng.normal(size=(width, width)).astype(np.float32) / np.sqrt(width)
        mix /= np.sqrt(np.arange(1, width + 1, dtype=np.float32))[:, None]
        latent = rng.normal(size=(rows, width)).astype(np.float32)
        for code in codes:
            latent[:, 5:45] += 0.15 * rng.normal(size=(code.max() + 1, 40)).astype(np.float32)[code]
        np.save(folder / f"{layer}-{position}.npy", (latent @ mix).astype(np.float32))
    return folder


def write(folder: Path, prompts: Iterable[dict[str, Any]], keys: dict[str, Any]) -> list[pd.DataFrame]:
    """Write the study, its prompts, and answers as the planted model learned them; return the latter two."""
    folder.mkdir()
    rng, records = random.Random(0), list(prompts)
    tables = [pd.DataFrame(records), pd.DataFrame([growth.answer(record, rng) for record in records])]
    for name, table in zip(("prompts", "responses"), tables, strict=True):
        table.to_json(folder / f"{name}.jsonl", orient="records", lines=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY | keys), encoding="utf-8")
    return tables


def compare(folder: Path, *, every: int) -> dict[str, Any]:
    """Run ours, then the script on its labels and split; return seconds of both and their differences."""
    ours, _ = cpu_of([*growth.UNSINTER, "run", "study.yaml", "--out", "run", "--jobs", "1"], folder)
    _, printed = cpu_of([sys.executable, str(SCRIPT), str(folder), str(every)], folder)
    parts = json.loads(printed.splitlines()[-1])
    share = parts["sites_run"] / parts["sites"]
    whole = {
        name: value / (share if name.startswith(EACH_SITE) else 1) for name, value in parts["seconds"].items()
    }
    results = pd.read_parquet(folder / "run" / "results.parquet")
    return {
        "sites": parts["sites"],
        "sites_of_script": parts["sites_run"],
        "unsinter_cpu_seconds": round(ours, 1),
        "script_cpu_seconds": {name: round(value, 1) for name, value in whole.items()},
        "script_cpu_seconds_together": round(sum(whole.values()), 1),
        "times_less": round(sum(whole.values()) / ours, 1),
        "times_less_without_intervals_of_transfer": round((sum(whole.values()) - whole[INTERVALS]) / ours, 1),
        "differences": differences(results, parts["rows"]),
    }


def differences(results: pd.DataFrame, rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how far scores and interval widths of the script are from ours, by target."""
    both = results.merge(pd.DataFrame(rows), on=["target", "layer", "position"], suffixes=("", "_script"))
    out = {}
    for target, part in both.groupby("target"):
        off = (part["score"] - part["score_script"]).abs()
        width = (part["score_high"] - part["score_low"]) / (part["high"] - part["low"])
        out[str(target)] = {
            "largest_score_difference": round(float(off.max()), 4),
            "mean_score_difference": round(float((part["score"] - part["score_script"]).mean()), 4),
            "width_of_interval_ours_over_theirs": round(float(width.mean()), 3),
        }
    return out


def cpu_of(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a command with a cache of its own; return its CPU seconds and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"UNSINTER_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


if __name__ == "__main__":
    main()
