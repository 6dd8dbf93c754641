"""What a tracker is told of a run: settings, scores beside floors and controls, verdicts. Never a prompt.

Only what is named here leaves: numbers, and names that studies, models, targets, sites and verdicts have.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import LOOKS, chosen_site, summary_rows
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.tracking.tracker import Setting

SETTINGS = (
    "seed",
    "layers",
    "positions",
    "family",
    "penalties",
    "weighting",
    "test_fraction",
    "inner_folds",
    "hold_out",
    "transfer",
    "controls",
    "tuning",
    "separation",
    "bootstrap_draws",
    "min_groups",
    "on_too_long",
    "allow_response_positions",
)
"""Keys of a study that hold numbers and names alone."""

BESIDE = ("floor", "control")
"""What must stand beside a score for it to be shown."""

_NUMBERS = (
    "score",
    "score_low",
    "score_high",
    "floor",
    "gain",
    "gain_low",
    "gain_high",
    "control",
    "control_low",
    "control_high",
    "p_value",
    "layer0_mean",
    "random_model",
    "ceiling",
)
_NAME = re.compile(r"[\w.-]{1,60}")
"""A name and no sentence."""


def study_settings(study: Mapping[str, Any]) -> dict[str, Setting]:
    """Return a resolved study's settings, nested keys joined by dots; no path, no text of prompts."""
    settings: dict[str, Setting] = {
        "models": ", ".join(str(model["name"]) for model in study["models"]),
        "targets": ", ".join(_target_name(entry) for entry in study["targets"]),
    }
    for name in SETTINGS:
        settings |= _flat(name, study.get(name))
    return settings


def _target_name(entry: Any) -> str:
    return str(entry["name"]) if isinstance(entry, Mapping) else str(entry)


def _flat(name: str, value: Any) -> dict[str, Setting]:
    if isinstance(value, Mapping):
        return {
            key: item for part, inner in value.items() for key, item in _flat(f"{name}.{part}", inner).items()
        }
    if isinstance(value, list | tuple):
        items = [item for inner in value for item in _flat("", inner).values()]
        return {name: ", ".join(map(str, items))} if items else {}
    if isinstance(value, bool | int | float) or (isinstance(value, str) and _NAME.fullmatch(value)):
        return {name: value}
    return {}


def run_counts(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return how large a run was and how long it took."""
    names = ("prompts", "groups", "held_out_prompts", "seconds")
    return {f"run/{name}": float(summary[name]) for name in names if _is_number(summary.get(name))}


def run_identity(summary: Mapping[str, Any]) -> dict[str, Setting]:
    """Return what the numbers rest on: split, study, versions."""
    about = {name: str(summary[name]) for name in ("split_digest", "fingerprint") if name in summary}
    versions = {f"version/{name}": str(value) for name, value in (summary.get("versions") or {}).items()}
    return {**about, **versions}


def chosen_scores(results: pd.DataFrame) -> Iterator[tuple[dict[str, float], dict[str, Setting]]]:
    """Yield the numbers of each chosen and each tuned probe, and its site in words."""
    for row in _rows(results):
        if row.get("selected") or row.get("tuned"):
            name = f"{row['model']}/{row['target']}/{'tuned' if row.get('tuned') else 'selected'}"
            words: dict[str, Setting] = {f"{name}/site": f"layer {int(row['layer'])}, {row['position']}"}
            numbers = _beside(row, name)
            if numbers:
                words |= {
                    f"{name}/metric": str(row["metric"]),
                    f"{name}/beside": f"floor {row.get('floor_name')}, control {row.get('control_name')}",
                }
            else:
                words[f"{name}/not shown"] = "it has no floor or no control beside it"
            yield numbers, words


def layer_scores(results: pd.DataFrame) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield each layer with the numbers of all its probes of the sweep, by model, target and position."""
    layers: dict[int, dict[str, float]] = {}
    for row in _rows(results):
        if not row.get("tuned"):
            name = f"{row['model']}/{row['target']}/{row['position']}"
            layers.setdefault(int(row["layer"]), {}).update(_beside(row, name))
    yield from sorted((layer, numbers) for layer, numbers in layers.items() if numbers)


def verdict_facts(evidence: RunEvidence) -> tuple[dict[str, float], dict[str, Setting]]:
    """Return per model and pair how many sites have each verdict, and the verdict of the site that speaks."""
    counts: dict[str, float] = {}
    words: dict[str, Setting] = {}
    if not evidence.has_verdicts:
        return counts, words
    results = evidence["results"] if len(evidence["results"]) else None
    for (model, pair), rows in summary_rows(evidence["verdicts"]).groupby(["model", "pair"], sort=False):
        tally = rows["verdict"].value_counts()
        counts |= {f"{model}/{pair}/sites {name}": float(tally.get(name, 0)) for name in LOOKS}
        row, how = chosen_site(rows, results)
        words[f"{model}/{pair}/verdict"] = (
            f"{row['verdict']} at layer {int(row['layer'])}, {row['position']} ({how})"
        )
    return counts, words


def _rows(results: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in results.to_dict("records")]


def _beside(row: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return a row's numbers; none where its score would stand without floor or control."""
    if not all(_is_number(row.get(column)) for column in BESIDE):
        return {}
    return {f"{name}/{column}": float(row[column]) for column in _NUMBERS if _is_number(row.get(column))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
