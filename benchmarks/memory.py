"""Peak memory of a study whose activations are larger than it: 20,000 rows x 43 layers x 2 positions x 3,584.

Synthetic arrays in bfloat16 (12 GB) are written once and read as saved activations. The run is a process of
its own; its peak is what the system counted. ``--sites`` and ``--targets`` make it shorter: arrays are read
site by site, so the peak is that of the largest step at one site.

    OMP_NUM_THREADS=1 python benchmarks/memory.py [--folder FOLDER] --out benchmarks/results/memory.json
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
from itertools import islice, product
from pathlib import Path
from typing import Any

import growth
import machine
import pandas as pd
import torch
import yaml
from safetensors.torch import save_file

POSITIONS = ("instruction_end", "template_end")


def main() -> None:
    """Write the arrays, run the study, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--layers", type=int, default=43)
    parser.add_argument("--width", type=int, default=3584)
    parser.add_argument("--sites", type=int, help="only so many sites, from the first layer on")
    parser.add_argument("--targets", default="D", help="such as D,R")
    parser.add_argument("--pairs", default="", help="verdicts, such as D-R")
    parser.add_argument("--folder", type=Path, help="where the arrays are kept for another run")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(options.folder or Path(temporary) / "arrays", options)
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the study and return its peak, its seconds, and the size of what it read."""
    if not (folder / "study.yaml").is_file():
        growth.write_study(folder, options.rows, generate=False)
    sites = list(islice(product(range(1, options.layers + 1), POSITIONS), options.sites))
    write_arrays(folder, sites, rows=options.rows, width=options.width)
    layers = sorted({layer for layer, _ in sites})
    keys = {
        "models": [
            {
                "name": "tiny",
                "path": "saved/activations",
                "activations": {"path": "{layer}-{position}.safetensors", "ids": "ids.csv"},
            }
        ],
        "targets": options.targets.split(","),
        "layers": layers,
        "positions": sorted({position for _, position in sites}),
        "separation": {"pairs": [pair for pair in options.pairs.split(",") if pair]},
    }
    study = growth.STUDY | {"responses": {"path": "responses.jsonl", "model": "tiny"}} | keys
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as out:
        command = [*growth.UNSINTER, "run", "study.yaml", "--out", out + "/run", "--jobs", "1"]
        environment = os.environ | {"UNSINTER_CACHE": out + "/cache"}
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        steps = growth.steps(Path(out) / "run" / "log.jsonl")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "machine": machine.describe(),
        "rows": options.rows,
        "width": options.width,
        "sites": len(layers) * len(keys["positions"]),
        "targets": keys["targets"],
        "pairs": keys["separation"]["pairs"],
        "bytes_read_at_least": len(sites) * options.rows * options.width * 2,
        "peak_gib": round(after.ru_maxrss / 2**20, 2),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "steps": steps,
    }


def write_arrays(folder: Path, sites: list[tuple[int, str]], *, rows: int, width: int) -> None:
    """Write the arrays that are not there yet, each column of a size of its own, harm along ten axes."""
    records = pd.read_json(folder / "prompts.jsonl", lines=True)
    records[["id"]].to_csv(folder / "ids.csv", index=False)
    harmful = torch.as_tensor(records["harmful"].tolist())
    sizes = torch.arange(1, width + 1, dtype=torch.float32).rsqrt()
    for layer, position in sites:
        path = folder / f"{layer}-{position}.safetensors"
        if path.is_file():
            continue
        generator = torch.Generator().manual_seed(2 * layer + POSITIONS.index(position))
        X = torch.randn(rows, width, generator=generator) * sizes[torch.randperm(width, generator=generator)]
        X[harmful, :10] += 0.3
        save_file({"activations": X.to(torch.bfloat16)}, path)


if __name__ == "__main__":
    main()
