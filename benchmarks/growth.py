"""Where a run spends its time as prompts become more, and what `doctor --study` had said of it.

A part of `benchmarks/scale.py`. A study of one planted model is run at each size with an empty cache, in a
process of its own: planted prompts of many seeds, each text once, with recorded answers such as the model was
trained on, or with ``--generate`` with answers of the model itself. Seconds of each step are those that the
run wrote into its log. The exponent of a step is that of its growth between two sizes that follow each other;
steps of under a second are too short for one. What `doctor --study` predicts is computed before each run, on
the same machine.
"""

import json
import math
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import yaml
from machine import describe

from unsinter.studies.machine.device_speed import measure_pace
from unsinter.studies.machine.study_forecast import model_forecasts
from unsinter.studies.planted.corpus import demo_prompts, planted_style
from unsinter.studies.planted.styles import compliance, refusal
from unsinter.studies.planted.vocabulary import vocabulary
from unsinter.studies.study.file import load_study

STUDY: dict[str, Any] = {
    "name": "growth",
    "seed": 0,
    "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
    # Planted prompts of many seeds are variations of each other: joined, they would be a dozen groups.
    "prompts": {"path": "prompts.jsonl", "near_copies": {"threshold": 1.0, "word_threshold": None}},
    "targets": ["D", "C", "R"],
    "layers": [3, 5],
    "positions": ["template_end"],
}
GENERATED = {"temperature": 1.0, "max_new_tokens": 24}
LEAST_SECONDS = 1.0
LEAST_GAP = 0.5
UNSINTER = [sys.executable, "-c", "from unsinter.studies.cli import app; app()"]


def prompts(n: int) -> Iterator[dict[str, Any]]:
    """Yield n planted prompts, each text once; groups and pairs of one seed are not those of another."""
    texts: set[str] = set()
    for seed in count():
        for record in demo_prompts(seed, pairs=80, wrapped=80, wrapped_twins=80, over_refused=24):
            if record["prompt"] in texts:
                continue
            texts.add(record["prompt"])
            own = {name: f"{seed}-{record[name]}" for name in ("id", "group", "pair_id") if record[name]}
            yield record | own
            if len(texts) == n:
                return


def answer(record: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return an answer to a prompt as the planted model was trained to give it."""
    categories, topic = vocabulary()["categories"], record["topic"]
    place, refuses = list(categories).index(topic), record["family"] in ("harmful", "over_refused")
    style = planted_style("detached", category=topic, cue=record["cue"])
    naming, harmful = categories[topic]["naming"], record["family"] == "harmful"
    fictional = record["family"] == "wrapped"
    text = (
        refusal(style, category=place, naming=naming, harmful=harmful, rng=rng)
        if refuses
        else compliance(category=place, fictional=fictional, rng=rng)
    )
    return {"id": f"a-{record['id']}", "prompt_id": record["id"], "model": "tiny", "response_opening": text}


def write_study(folder: Path, n: int, *, generate: bool) -> Path:
    """Write prompts, answers and study file; return the last."""
    folder.mkdir(parents=True)
    rng, records = random.Random(0), list(prompts(n))
    responses: dict[str, Any] = {"path": "responses.jsonl", "model": "tiny"}
    for name, rows in (("prompts", records), ("responses", [answer(record, rng) for record in records])):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    study = STUDY | {"responses": GENERATED if generate else responses}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder / "study.yaml"


def measure(folder: Path, n: int, *, generate: bool) -> dict[str, Any]:
    """Run the study at one size and return its steps, with what was forecast."""
    study = write_study(folder, n, generate=generate)
    environment = dict(os.environ, UNSINTER_CACHE=str(folder / "cache"))

    measure_pace.cache_clear()
    (predicted,) = model_forecasts(load_study(study))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [*UNSINTER, "run", "study.yaml", "--out", "run", "--jobs", "1"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{n} prompts: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "prompts": n,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_bytes": after.ru_maxrss * 1024,
        "steps": steps(folder / "run" / "log.jsonl"),
        "predicted_seconds": {
            "together": round(predicted.forecast.seconds, 1),
            **{
                name.removesuffix("_seconds"): round(seconds, 1)
                for name, seconds in asdict(predicted.forecast).items()
                if name.endswith("_seconds")
            },
        },
        "predicted_from": {
            name: asdict(getattr(predicted, name)) for name in ("shape", "memory", "size", "device", "cpu")
        },
    }


def steps(log: Path) -> dict[str, float]:
    """Return the seconds of each step of a run in their order, and of what is between two of them."""
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    seconds: dict[str, float] = {}
    latest, open_steps = events[0]["time"], 0
    for event in events:
        gap = round(event["time"] - latest, 2)
        if open_steps == 0 and gap >= LEAST_GAP:
            seconds[f"before {event.get('step', event['event'])}"] = gap
        open_steps += {"step": 1, "step done": -1}.get(event["event"], 0)
        if event["event"] == "step done":
            seconds[event["step"]] = event["seconds"]
        latest = event["time"]
    return seconds


def exponents(runs: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Return the exponent of each step's growth from size to size; None where it is too short to say."""
    names = dict.fromkeys(name for run in runs for name in run["steps"])
    return {name: [_exponent(small, large, name) for small, large in pairwise(runs)] for name in names}


def _exponent(small: dict[str, Any], large: dict[str, Any], name: str) -> float | None:
    seconds = [run["steps"].get(name, 0.0) for run in (small, large)]
    if min(seconds) < LEAST_SECONDS:
        return None
    return round(math.log(seconds[1] / seconds[0]) / math.log(large["prompts"] / small["prompts"]), 2)


def measured(sizes: list[int], folder: Path, *, generate: bool) -> Iterator[dict[str, Any]]:
    """Yield the figures after each size, of all sizes so far."""
    runs: list[dict[str, Any]] = []
    for n in sizes:
        runs.append(measure(folder / f"n{n}", n, generate=generate))
        yield {
            "machine": describe(),
            "study": STUDY,
            "answers": "generated" if generate else "recorded",
            "runs": runs,
            "exponents": exponents(runs),
        }
