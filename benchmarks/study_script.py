"""Run the script of ``notebook.py`` on the labels and the split of one of our runs, and time its parts.

    python benchmarks/study_script.py FOLDER EVERY   # called by study.py

The last line printed is JSON: CPU seconds by part, scores of each target and site that was run.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import notebook
import numpy as np
import pandas as pd
import yaml

TARGETS = ("D", "C", "R", "W")
POSITIONS = ("instruction_mean", "instruction_end", "template_end")
EACH_SITE = "each site: "
INTERVALS = f"{EACH_SITE}intervals of transfer"

EACH_CELL = 8
"""One in so many cells of a transfer matrix has its interval drawn, and its seconds are multiplied."""

T = TypeVar("T")
Site = tuple[int, str]
ReadSite = Callable[[Site], np.ndarray]


class Clock:
    """CPU seconds of this process by what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"imports": time.process_time()}

    def __call__(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Do the work and add its seconds to those of the name."""
        start = time.process_time()
        try:
            return work(*arguments)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start


def main() -> None:
    """Read a run, do what the script does, print what it took."""
    clock = Clock()
    folder, every = Path(sys.argv[1]), int(sys.argv[2])
    study = yaml.safe_load((folder / "run" / "study.yaml").read_text(encoding="utf-8"))
    prompts = pd.read_parquet(folder / "run" / "prompts.parquet")
    labels = labels_of(prompts, pd.read_parquet(folder / "run" / "rows.parquet"))
    layers = sorted(set(pd.read_parquet(folder / "run" / "results.parquet")["layer"].tolist()))
    saved = study["models"][0].get("activations")
    read = saved_sites(folder, prompts) if saved else own_sites(prompts, layers, clock)
    sites = list(product(layers, POSITIONS))
    chosen = sites[every // 2 :: every]
    rows = study_rows(read, chosen, prompts, labels, study["penalties"], clock)
    result = {"seconds": clock.seconds, "sites": len(sites), "sites_run": len(chosen), "rows": rows}
    print(json.dumps(result))


def labels_of(prompts: pd.DataFrame, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the label of every prompt by target; empty where the target is not defined."""
    answers = rows.set_index("id").loc[prompts["id"]]
    refused = answers["refusal"].to_numpy(str)
    harmful = prompts["harmful"].to_numpy(bool)
    return {
        "D": np.where(harmful, "harmful", "harmless"),
        "C": np.where(harmful, prompts["category"].fillna("").to_numpy(str), ""),
        "R": np.where(np.isin(refused, ("refusal", "compliance")), refused, ""),
        "W": np.where(refused == "refusal", answers["wording"].fillna("").to_numpy(str), ""),
    }


def own_sites(prompts: pd.DataFrame, layers: list[int], clock: Clock) -> ReadSite:
    """Read the planted model with transformers."""
    from unsinter.studies.planted import model_folder

    texts = prompts["prompt"].tolist()
    states = clock("reading the model", notebook.read, str(model_folder("detached")), texts, layers)
    return lambda site: states[site]


def saved_sites(folder: Path, prompts: pd.DataFrame) -> ReadSite:
    """Return a reader of the saved arrays, rows in the order of the prompts."""
    ids = pd.read_csv(folder / "ids.csv", dtype=str)["id"]
    order = pd.Series(range(len(ids)), index=ids).loc[prompts["id"]].to_numpy()
    return lambda site: np.load(folder / f"{site[0]}-{site[1]}.npy")[order]


def study_rows(
    read: ReadSite,
    sites: list[Site],
    prompts: pd.DataFrame,
    labels: Mapping[str, np.ndarray],
    penalties: list[float],
    clock: Clock,
) -> list[dict[str, Any]]:
    """Return one row per target and site: floors, scores, controls and transfer are computed and timed."""
    groups, is_test = prompts["group"].to_numpy(str), prompts["held_out"].to_numpy(bool)
    texts = prompts["prompt"].to_numpy(str)
    for target in TARGETS:
        clock("word floors", notebook.word_floor, texts, labels[target], groups, is_test)
    rows, n_cells, n_run = [], 0, 0
    for site in sites:
        X = clock(f"{EACH_SITE}reading arrays", read, site)
        for target in TARGETS:
            scores = clock(
                f"{EACH_SITE}scores, intervals, control",
                notebook.site_rows, X, labels[target], groups, is_test, penalties,
            )  # fmt: skip
            rows.append({"target": target, "layer": site[0], "position": site[1]} | scores)
        harmful = labels["D"] == "harmful"
        cells = clock(
            f"{EACH_SITE}transfer",
            lambda *a: list(notebook.transfer(*a)),
            X,
            labels["C"],
            harmful,
            groups,
            is_test,
        )
        for _, _, truth, values, own in cells[::EACH_CELL]:
            clock(INTERVALS, notebook.interval, truth, values, own, np.array([0, 1]))
        n_cells, n_run = n_cells + len(cells), n_run + len(cells[::EACH_CELL])
    clock.seconds[INTERVALS] *= n_cells / n_run
    return rows


if __name__ == "__main__":
    main()
