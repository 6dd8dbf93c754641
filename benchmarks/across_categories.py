"""Detached or sintered: both planted models, ten seeds of the split, every layer and position.

Each model answers the demo's prompts at temperature 1, as the demo does. What is decided at a site must be
what was planted. Beside one answer per prompt, as in the demo, several are tried, which is what one does
where intervals are too wide to tell. Synthetic worlds tell how often nothing is called something.

    OMP_NUM_THREADS=1 python benchmarks/across_categories.py --out benchmarks/results/across_categories.json
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pandas as pd
import yaml

from unsinter.features.extract.extraction import extract
from unsinter.features.extract.in_memory import InMemoryStore
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.model import load_model
from unsinter.features.records.record import ResponseRecord
from unsinter.features.rendering.rendering import render
from unsinter.studies.across_categories.analysis import across_site, plan_across
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.across_categories.table import across_table
from unsinter.studies.data.dataset import Dataset, make_dataset
from unsinter.studies.data.load import label_record, read_study_prompts
from unsinter.studies.planted import MODELS, model_folder
from unsinter.studies.study.file import Study

POSITIONS = ("instruction_mean", "instruction_end", "template_end")
SHOWN = (
    "pooled", "category_alone", "within", "wording_transfer", "within_most", "own", "normalised_transfer",
    "global_gain", "rank", "rank_one_axis", "rank_no_axis", "rank_corrected", "common_share", "cramers_v",
    "n_refusals", "n_off_style",
)  # fmt: skip


def demo() -> Dataset:
    """Return the demo's prompts with their groups."""
    text = (Path(__file__).resolve().parent.parent / "studies" / "demo.yaml").read_text(encoding="utf-8")
    study = Study.model_validate(yaml.safe_load(text))
    return make_dataset(read_study_prompts(study.prompts, seed=study.seed), study)


def read(
    name: str, dataset: Dataset, *, answers: int
) -> tuple[dict[tuple[int, str], np.ndarray], np.ndarray]:
    """Return the activations of every site, and styles (n_prompts, answers) of the answers that refused."""
    model = load_model(str(model_folder(name)), dtype="float32")
    rendered = render([(prompt.id, prompt.prompt) for prompt in dataset.prompts], model)
    outcome = extract(model, rendered, InMemoryStore(), layers="all", positions=POSITIONS)
    styles = np.full((len(rendered), answers), "", dtype="U32")
    place = {prompt.id: number for number, prompt in enumerate(dataset.prompts)}
    with tempfile.TemporaryDirectory() as folder:
        for sample in range(answers):
            how = GenerationSettings(max_new_tokens=40, temperature=1.0, seed=sample)
            for made in generate_responses(model, rendered, Path(folder) / f"{sample}.jsonl", settings=how):
                row = place[made["prompt_id"]]
                answer = label_record(ResponseRecord.model_validate(made), dataset.prompts[row])
                styles[row, sample] = answer.wording or ""
    sites = {
        (layer, position): outcome.activations(layer, position)
        for position in outcome.positions
        for layer in outcome.layers
    }
    return sites, styles


def study(
    name: str, dataset: Dataset, sites: dict[tuple[int, str], np.ndarray], styles: np.ndarray, seeds: int
) -> tuple[pd.DataFrame, float]:
    """Return one row per seed and site, and CPU seconds per site."""
    harmful = np.select([dataset.harm == "harmful", dataset.harm == "harmless"], [1, 0], -1)
    data = make_data(harmful, categories=dataset.topics, wording=styles, groups=dataset.groups)
    tables, start = [], time.process_time()
    for seed in range(seeds):
        plan = plan_across(data, AcrossRule(seed=seed))
        results = {(name, layer, where): across_site(X, plan) for (layer, where), X in sites.items()}
        tables.append(across_table(results).assign(seed=seed))
    return pd.concat(tables, ignore_index=True), (time.process_time() - start) / (seeds * len(sites))


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per site how often each decision fell, and the mean of every figure over seeds."""
    rows = []
    for (layer, position), part in table.groupby(["layer", "position"], sort=False):
        row: dict[str, Any] = {"layer": int(layer), "position": position}
        row["decisions"] = dict(Counter(part["decision"].tolist()))
        for column in SHOWN:
            bounds = [column, f"{column}_low", f"{column}_high"]
            means = [part[b].mean() for b in bounds if b in part]
            row[column] = [None if np.isnan(mean) else round(float(mean), 3) for mean in means]
        reasons = part["reason"][part["decision"] == "cannot tell"]
        rows.append(row | {"reasons": sorted(set(reasons))[:2]})
    return rows


def refusals_world(kind: str, seed: int, *, n: int = 720, d: int = 64) -> tuple[np.ndarray, dict[str, Any]]:
    """Return activations and labels of refusals in eight categories and four styles, one answer each.

    ``unread``: style at random, unread. ``sintered``: style follows the category in 85 %, unread beyond it.
    ``detached``: style at random, read on one axis per style. ``own``: read on other axes in each category.
    """
    rng = np.random.default_rng(seed)
    category = np.arange(n) % 8
    style = rng.integers(0, 4, size=n)
    if kind == "sintered":
        own = category % 4
        style = np.where(rng.random(n) < 0.85, own, (own + rng.integers(1, 4, size=n)) % 4)
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    X = 3 * rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.25 + 6 * axes[category]
    X += 2.0 * axes[8 + style] if kind == "detached" else 0
    X += 4.0 * axes[12 + category * 4 + style] if kind == "own" else 0
    labels = {
        "categories": np.char.add("c", category.astype(str)),
        "wording": np.char.add("s", style.astype(str)),
        "groups": np.arange(n),
    }
    return X, labels


def worlds(n_worlds: int) -> dict[str, dict[str, int]]:
    """Return how often each decision fell in every kind of world."""
    outcome = {}
    for kind in ("unread", "sintered", "detached", "own"):
        fell: Counter[str] = Counter()
        for seed in range(n_worlds):
            X, labels = refusals_world(kind, seed)
            data = make_data(np.ones(len(X), dtype=int), **labels)
            fell[across_site(X, plan_across(data, AcrossRule(seed=seed, n_draws=300))).decision] += 1
        outcome[kind] = dict(fell)
        print(kind, outcome[kind], flush=True)
    return outcome


def speed(*, n: int = 1500, d: int = 512, draws: int = 1000) -> dict[str, float]:
    """Return CPU seconds of one site of a wide model, plan included; half harmful, all of these refused."""
    X, labels = refusals_world("detached", 0, n=n, d=d)
    harmful = np.repeat([1, 0], [n // 2, n - n // 2])
    labels["wording"][harmful == 0] = ""
    across_site(X[:, :64], plan_across(make_data(harmful, **labels)))  # libraries load before the clock
    start = time.process_time()
    across_site(X, plan_across(make_data(harmful, **labels), AcrossRule(n_draws=draws)))
    return {"rows": n, "width": d, "draws": draws, "cpu_seconds": round(time.process_time() - start, 2)}


def main() -> None:
    """Run everything and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--answers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--worlds", type=int, default=100)
    args = parser.parse_args()
    result: dict[str, Any] = {"machine": machine.describe(), "speed": speed(), "models": {}}
    print(result["speed"], flush=True)
    dataset = demo()
    for name in MODELS:
        sites, styles = read(name, dataset, answers=max(args.answers))
        result["models"][name] = {}
        for answers in args.answers:
            table, seconds = study(name, dataset, sites, styles[:, :answers], args.seeds)
            fell = Counter(table["decision"].tolist())
            last = table[(table["layer"] == table["layer"].max()) & (table["position"] == "template_end")]
            result["models"][name][f"{answers} answers per prompt"] = {
                "decisions over sites and seeds": dict(fell),
                "at the last layer, template_end": dict(Counter(last["decision"].tolist())),
                "statement, seed 0": last["statement"].iloc[0],
                "cpu_seconds_per_site": round(seconds, 2),
                "sites": summary(table),
            }
            print(name, answers, dict(fell), dict(Counter(last["decision"].tolist())), flush=True)
    result["worlds"] = {"n": args.worlds, "decisions": worlds(args.worlds)}
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
