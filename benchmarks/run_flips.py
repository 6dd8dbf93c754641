"""What single flipped bits in a run folder do: noticed, without effect, or silently read as something else.

    python benchmarks/run_flips.py --flips 200

A small study of a shipped model is run; then, for every kind of file, one random bit of one random file is
flipped, whoever reads that kind reads it, and the bit is put back. *Noticed*: reading ends in one of our
errors, or a line names the file. *No effect*: what was read is what was written. *Silent*: it is something
else and nothing was said. The same is done without digests, as run folders of schema 3 are, to show what they
are for.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from machine import describe

from unsinter.cache.inventory import INVENTORY, Inventory
from unsinter.features.generate.response_file import ResponseFile
from unsinter.studies.export.probe_facts import ProbeChoice, read_facts
from unsinter.studies.planted import demo_prompts
from unsinter.studies.report.evidence.run_data import ReportError, read_evidence
from unsinter.studies.run.run import run_study
from unsinter.studies.store.site_weights import read_weights
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.tables.read import RunReader

STUDY = {
    "name": "flips", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
    "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D", "C"], "responses": {"max_new_tokens": 8},
    "positions": ["template_end"], "layers": [0, 2], "penalties": [0.01], "bootstrap_draws": 100,
    "controls": {"permutations": 100, "random_model": False, "layer0_mean": False, "code_length": False},
    "min_groups": 10, "separation": {"pairs": ["D-topic"], "draws": 100, "splits": 1},
    "transfer": ["category"],
}  # fmt: skip


class Words(logging.Handler):
    """What the library said since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message; that a folder carries no digests is no word about damage."""
        if "no digest" not in record.getMessage():
            self.sentences.append(record.getMessage())


def small_run(folder: Path) -> Path:
    """Run the small study and return its folder."""
    prompts = demo_prompts(seed=0)
    kept = set(sorted({prompt["group"] for prompt in prompts})[::2])
    lines = [json.dumps(prompt) + "\n" for prompt in prompts if prompt["group"] in kept]
    (folder / "prompts.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    study = load_study(folder / "study.yaml")
    run_study(study, Settings(folder=folder / "run", cache_root=folder / "cache"))
    return folder / "run"


def without_digests(run: Path) -> None:
    """Make a run folder one of schema 3."""
    for path in run.rglob(INVENTORY):
        path.unlink()
    for path in (run / "responses").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        plain = ({name: value for name, value in row.items() if name != "sha256"} for row in rows)
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain), encoding="utf-8"
        )
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps(summary | {"schema_version": 3}), encoding="utf-8")


def of_tables(run: Path, path: Path) -> Any:
    """Return what the report is made of, and the table itself: some are read by other verbs only."""
    evidence = read_evidence(run)
    reader = RunReader.open(run, error=ReportError)
    own = {path.stem: reader.table(path.stem)} if path.suffix == ".parquet" else {}
    return evidence.summary, evidence.study, {**evidence.tables, **own}


def of_weights(run: Path, path: Path) -> Any:
    """Return what an export is made of."""
    target = path.stem.rpartition("-")[2]
    facts = read_facts(run, ProbeChoice(target=target, layer=2, position="template_end"))
    RunReader.open(run, error=ReportError).check(path.relative_to(run).as_posix())
    weights = read_weights(path, layer=2, position="template_end", about=facts.about)
    return weights.classes, weights.threshold, [*weights.layers[0], weights.examples]


def of_step(run: Path, path: Path) -> Any:
    """Return what a further run takes from a step."""
    name, _, key = path.parent.name.rpartition("-")
    step = StepStore(folder=run / "steps").find(name, key)
    if step is None:
        return "made anew"
    weights = path.parent / "weights.safetensors"
    kept = read_weights(weights, layer=2, position="template_end") if weights.is_file() else None
    return dict(step.facts), dict(step.tables), None if kept is None else list(kept.layers[0])


def of_responses(_: Path, path: Path) -> Any:
    """Return the answers that a further run takes; rows that it makes anew are left out."""
    first = json.loads(path.read_bytes().splitlines()[-1])
    return ResponseFile.open(path, settings=first["settings"]).records


def of_others(run: Path, path: Path) -> Any:
    """Return what `run` finds amiss in a finished run."""
    inventory = Inventory.read(run)
    if inventory is not None and (why := inventory.refusal(path.relative_to(run).as_posix())) is not None:
        raise ReportError(why)
    return path.read_bytes()


KINDS: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "results.parquet": ("results.parquet", of_tables),
    "other tables": ("*.parquet", of_tables),
    "summary.json": ("summary.json", of_tables),
    "study.yaml": ("study.yaml", of_tables),
    "steps/*/*.parquet": ("steps/*/*.parquet", of_step),
    "steps/*/facts.json": ("steps/*/facts.json", of_step),
    "steps/*/weights.safetensors": ("steps/*/weights.safetensors", of_step),
    "steps/*/" + INVENTORY: ("steps/*/" + INVENTORY, of_step),
    "responses/*.jsonl": ("responses/*.jsonl", of_responses),
    "weights/*.safetensors": ("weights/*.safetensors", of_weights),
    "probes": ("probes/*", of_others),
    "figures": ("figures/*", of_others),
    "report.html": ("report.html", of_others),
    INVENTORY: (INVENTORY, of_tables),
}
"""Kind of file -> where it stands, and who reads it."""


def same(left: Any, right: Any) -> bool:
    """Tell whether two things that were read are equal, number by number."""
    if isinstance(left, pd.DataFrame):
        return left.equals(right)
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right, equal_nan=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def outcome(run: Path, path: Path, bit: int, read: Callable[[], Any], true: Any, words: Words) -> str:
    """Flip one bit, read, put the folder back; return noticed, no effect or silent."""
    kept = {path: path.read_bytes()}
    flipped = bytearray(kept[path])
    flipped[bit // 8] ^= 1 << bit % 8
    folder, copy = path.parent, None
    if "steps" in path.parts:  # a damaged step is moved aside as a whole
        copy = shutil.copytree(folder, run.parent / "step")
    words.sentences.clear()
    try:
        path.write_bytes(flipped)
        reading = read()
        is_same = same(true, reading) if type(true) is type(reading) else False
        result = "noticed" if words.sentences else "no effect" if is_same else "silent"
    except Exception as error:  # ours end in one line; another's is a fault, and counted as such
        result = "noticed" if type(error).__module__.startswith("unsinter.") else "noticed by a traceback"
    path.parent.mkdir(parents=True, exist_ok=True)
    if copy is not None:
        shutil.rmtree(folder)
        copy.rename(folder)
    path.write_bytes(kept[path])
    for left in path.parent.glob("*.damaged-*"):
        left.unlink()
    return result


def count(run: Path, n_flips: int, random_: random.Random, words: Words) -> dict[str, dict[str, int]]:
    """Return per kind of file how many flips ended how."""
    counts = {}
    for kind, (pattern, read) in KINDS.items():
        paths = sorted(path for path in run.glob(pattern) if path.is_file())
        true = {path: read(run, path) for path in paths}
        reading: Counter[str] = Counter()
        for _ in range(n_flips if paths else 0):
            path = random_.choice(paths)
            bit = random_.randrange(8 * path.stat().st_size)
            reading[outcome(run, path, bit, partial(read, run, path), true[path], words)] += 1
        counts[kind] = dict(reading)
        print(f"{kind:32s} {dict(reading)}", file=sys.stderr, flush=True)
    return counts


def main() -> None:
    """Count and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=200, help="per kind of file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "run_flips.json")
    options = parser.parse_args()
    words = Words()
    logging.getLogger("unsinter").addHandler(words)
    logging.getLogger("unsinter").propagate = False
    with tempfile.TemporaryDirectory() as folder:
        run = small_run(Path(folder))
        sealed = count(run, options.flips, random.Random(options.seed), words)
        without_digests(run)
        # What only the inventory protects, nobody else reads; probe files have digests of their own.
        for kind in [kind for kind, (_, read) in KINDS.items() if read is of_others or INVENTORY in kind]:
            del KINDS[kind]
        bare = count(run, options.flips, random.Random(options.seed), words)
    result = {
        "machine": describe(), "seed": options.seed, "flips_per_kind": options.flips,
        "with_digests": sealed, "without_digests": bare,
        "silent_with_digests": sum(kind.get("silent", 0) for kind in sealed.values()),
    }  # fmt: skip
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"silent: {result['silent_with_digests']}")


if __name__ == "__main__":
    main()
