"""A run folder with planted held-out scores on two axes at every site: what an explorer must repeat."""

import json
from itertools import permutations

import numpy as np
import pandas as pd
import yaml

from unsinter.studies.tables.across_columns import ACROSS
from unsinter.studies.tables.read import SEALED_FROM

CELLS = (
    ("harmful", "refusal"),
    ("harmful", "compliance"),
    ("harmless", "refusal"),
    ("harmless", "compliance"),
)
POSITIONS = ("instruction_end", "template_end")
NAN = float("nan")
CHOSEN = {"D": (5, "template_end"), "R": (4, "template_end")}


def write_explored_run(
    folder, *, n=80, models=("detached", "sintered"), layers=7, ids=None, tables=(), **names
):
    """Write a run of an earlier version (without digests, so that tests may change its files).

    ``names`` may give ``categories`` and a ``study``; ``tables`` are further ones, by name.
    """
    ids = [f"p-{place:04d}" for place in range(n)] if ids is None else list(ids)
    rng = np.random.default_rng(0)
    categories = names.get("categories", ("fraud", "privacy", "weapons"))
    cells = [CELLS[place % 4] for place in range(len(ids))]
    table = {
        "results": [row for model in models for row in result_rows(model, layers)],
        "predictions": pd.concat([predictions(model, ids, cells, layers, rng) for model in models]),
        "prompts": list(prompt_rows(ids, cells, categories)),
        "rows": [row for model in models for row in answer_rows(model, ids, cells)],
        "transfer": [row for model in models for row in transfer_rows(model, categories, rng)],
        "held_out": [row for model in models for row in held_out_rows(model, categories)],
        "cross_model": [row for pair in permutations(models, 2) for row in carried_rows(*pair)],
        "across_categories": [row for model in models for row in across_rows(model)],
    } | dict(tables)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in table.items():
        if rows is not None and len(rows):
            pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)
    summary = {
        "schema_version": SEALED_FROM - 1,
        "study": names.get("study", "explored"),
        "seed": 0,
        "prompts": 4 * len(ids),
        "groups": len(ids),
        "split_digest": "0" * 16,
        "held_out_prompts": len(ids),
        "models": {model: {"identity": {}, "extraction": {}} for model in models},
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    study = {
        "name": summary["study"],
        "models": [{"name": name, "path": f"planted:{name}"} for name in models],
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder


def result_rows(model, layers):
    for target in ("D", "R", "W"):
        for position in POSITIONS:
            for layer in range(layers):
                score = 0.5 + 0.4 * layer / max(layers - 1, 1)
                is_chosen = (layer, position) == CHOSEN.get(target, (layers - 1, "template_end"))
                yield {
                    "model": model, "target": target, "classes": 4 if target == "W" else 2,
                    "metric": "macro_f1" if target == "W" else "auroc", "family": "logistic", "layer": layer,
                    "position": position, "penalty": 0.01, "inner_score": score + is_chosen, "score": score,
                    "score_low": score - 0.03, "score_high": score + 0.03, "p_value": 0.01, "floor": 0.55,
                    "floor_name": "words", "gain": score - 0.55, "gain_low": score - 0.59,
                    "gain_high": score - 0.51, "beats_floor": score > 0.59, "control": 0.512,
                    "control_low": 0.45, "control_high": 0.57, "control_groups": 90,
                    "selectivity": score - 0.512,
                    "shuffled": 0.5, "shuffled_sd": 0.03, "threshold": 0.25 if target == "D" else -0.5,
                    "calibration_slope": 1.0, "calibration_intercept": 0.0, "selected": is_chosen,
                    "tuned": False, "trial": -1, "converged": True, "n_train": 300,
            "n_test": 80,
                    "groups_test": 80, "layer0_mean": NAN, "random_model": NAN, "code_bits": NAN,
                    "compression": NAN, "balanced_accuracy": 0.8, "tpr_at_1_fpr": 0.5, "fpr_there": 0.01,
                    "brier": 0.1, "ece": 0.05,
                }  # fmt: skip


def predictions(model, ids, cells, layers, rng):
    """Scores of D and R at every site, of W as of four classes; of the last prompt R has none."""
    parts = []
    for target, side, positive in (("D", 0, "harmful"), ("R", 1, "refusal")):
        kept = ids if target == "D" else ids[:-1]
        truth = np.array([cell[side] for cell in cells[: len(kept)]], dtype=object)
        for position in POSITIONS:
            for layer in range(layers):
                rise = 4 * layer / max(layers - 1, 1)
                scores = np.where(truth == positive, rise, -rise) + rng.normal(scale=1.5, size=len(kept))
                parts.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "target": target,
                            "family": "logistic",
                            "layer": layer,
                            "position": position,
                            "id": kept,
                            "group": kept,
                            "truth": truth,
                            "class": positive,
                            "score": scores.astype(np.float32),
                        }
                    )
                )
    wording = parts[-1].assign(target="W", truth="apology", **{"class": "apology"})
    return pd.concat([*parts, wording, wording.assign(**{"class": "flat"})])


def prompt_rows(ids, cells, categories):
    for place, (name, (harm, _)) in enumerate(zip(ids, cells, strict=True)):
        yield {
            "id": name, "prompt": f"THE TEXT OF {place}", "source": "planted",
            "topic": "", "group": f"g{place}",
            "harmful": harm == "harmful", "held_out": True,
            "category": categories[place % len(categories)] if harm == "harmful" else "",
        }  # fmt: skip


def answer_rows(model, ids, cells):
    for place, (name, (_, answer)) in enumerate(zip(ids, cells, strict=True)):
        yield {
            "model": model, "id": name, "row": f"r{place}", "refusal": answer, "refused_share": NAN,
            "wording": ("apology", "flat")[place % 2] if answer == "refusal" else "", "label_source": "rules",
            "opening_characters": 60.0,
        }  # fmt: skip


def transfer_rows(model, categories, rng):
    for layer, position in ((5, "template_end"), (3, "instruction_end")):
        for trained in categories:
            for tested in categories:
                auroc, words = (0.95, 0.85) if trained == tested else (0.8 + rng.random() / 10, 0.7)
                shared = {
                    "model": model, "target": "D", "kind": "category", "trained_on": trained,
                    "tested_on": tested,
                    "normalised": 0.9, "n_train_positive": 40, "n_train_negative": 200, "n_test_positive": 25,
                    "n_test_negative": 150, "train_borrows": "harmless", "test_borrows": "",
                    "selected": layer == 5,
                }  # fmt: skip
                gain = auroc - words
                yield shared | {
                    "reader": "probe", "layer": layer, "position": position, "auroc": auroc,
                    "low": auroc - 0.05,
                    "high": auroc + 0.03, "gain": gain, "gain_low": gain - 0.1, "gain_high": gain + 0.1,
                }  # fmt: skip
                if layer == 5:
                    yield shared | {
                        "reader": "words", "layer": -1, "position": "", "auroc": words, "low": words - 0.06,
                        "high": words + 0.05, "gain": NAN, "gain_low": NAN, "gain_high": NAN,
                    }  # fmt: skip


def held_out_rows(model, categories):
    for place, category in enumerate(categories):
        gain = 0.1 * place
        yield {
            "model": model, "target": "D", "kind": "category", "held_out": category, "layer": 4,
            "position": "template_end", "penalty": 0.01, "inner_score": 0.93, "auroc": 0.7 + gain,
            "low": 0.65 + gain, "high": 0.75 + gain, "words": 0.7, "gain": gain, "gain_low": gain - 0.05,
            "gain_high": gain + 0.05, "positives": "own", "negatives": "held-out rows of the others",
            "n_train": 200, "n_test_positive": 25, "n_test_negative": 60, "split_digest": "0" * 64,
        }  # fmt: skip


def carried_rows(source, reader):
    """D is read above its floor, W is not."""
    for target, metric, score in (("D", "auroc", 0.8), ("W", "macro_f1", 0.3)):
        yield {
            "target": target, "from_model": source, "from_layer": 5, "from_position": "template_end",
            "to_model": reader, "to_layer": 4, "to_position": "template_end", "metric": metric,
            "auroc": score, "low": score - 0.05, "high": score + 0.05, "native": 0.9, "shuffled": 0.5,
            "shuffled_low": 0.4, "shuffled_high": 0.6, "r2": 0.7, "penalty": 0.01, "n_train": 300,
            "n_test": 80,
        }  # fmt: skip


def across_rows(model):
    for layer, decision in ((5, "detached"), (3, "cannot tell")):
        empty = {"text": "", "number": NAN, "whole": 8, "flag": False}
        yield {name: empty[column.dtype] for name, column in ACROSS.items()} | {
            "model": model, "layer": layer, "position": "template_end", "selected": layer == 5,
            "decision": decision, "reason": f"a reason at layer {layer}", "pooled": 0.9, "pooled_low": 0.85,
            "pooled_high": 0.95, "n_refusals": 300, "headline": "a headline",
            "statement": f"Read at layer {layer} over all categories.",
        }  # fmt: skip
