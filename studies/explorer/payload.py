"""What the page's script reads: one table of the run, one of each model, as JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.studies.explorer.axes import Axis, ModelAxes
from unsinter.studies.explorer.kinds import KINDS
from unsinter.studies.explorer.labels import prompt_labels
from unsinter.studies.explorer.missing import missing_lines
from unsinter.studies.explorer.scales import scale_of
from unsinter.studies.explorer.sheets import Texts
from unsinter.studies.explorer.site_scores import beside_of, score_table, site_scores
from unsinter.studies.report.evidence.run_data import RunEvidence

MARKS = (
    "m-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
    "m0 -4.4l4.2 7.8h-8.4z",
    "m-3.3 -3.3h6.6v6.6h-6.6z",
    "m0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z",
)
"""A disc, a triangle, a square and a diamond around a place: the marks of the groups of prompts."""

_GAP = "\u00a0" * 3
_MOST_SIGNS = {"target": 12, "side": 16}
"""Signs of a name that stand at an axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPrompts:
    """What the run kept of its prompts and of the answers' labels; None of a run that kept neither."""

    prompts: pd.DataFrame | None = None
    rows: pd.DataFrame | None = None

    def of(self, model: str) -> pd.DataFrame | None:
        """Return the labels of one model's answers."""
        return None if self.rows is None else self.rows[self.rows["model"] == model]


def run_table(evidence: RunEvidence) -> dict[str, Any]:
    """Return what all models have in common."""
    return {
        "models": list(evidence.models),
        "kinds": [kind.name for kind in KINDS],
        "marks": list(MARKS),
    }


def model_table(evidence: RunEvidence, model: str, kept: KeptPrompts, axes: ModelAxes) -> dict[str, Any]:
    """Return what the page shows of one model."""
    texts, scores = Texts(), site_scores(evidence, model)
    scores_there = beside_of(scores, texts)
    table = {
        "name": model,
        "layers": list(axes.layers),
        "positions": list(axes.positions),
        "ids": list(axes.ids),
        "nHeldOut": axes.n_held_out,
        "labels": [
            {"name": label.name, "values": list(label.values), "codes": list(label.codes)}
            for label in prompt_labels(axes.ids, kept.prompts, kept.of(model))
        ],
        "axes": [_axis(axis, axes) for axis in axes.axes],
        "scores": {
            f"{layer} {position}": score_table(rows, texts) for (layer, position), rows in scores.items()
        },
        "sheets": {
            kind.name: [sheet.as_table() for sheet in kind.sheets(evidence, model, texts, scores_there)]
            for kind in KINDS
        },
    }
    table["missing"] = missing_lines(evidence, table, kept.prompts is not None)
    return table | {"texts": texts.listed()}


def _axis(axis: Axis, axes: ModelAxes) -> dict[str, Any]:
    return {
        "target": axis.target,
        "family": axis.family,
        "title": axes.title(axis),
        "label": axis_label(axis),
        "unit": axis.unit,
        "sides": list(axis.sides),
        "truth": axis.truth.tolist(),
        "scores": [_packed(part) for part in axis.scores],
        "scales": [[_scale(own) for own in (*part, part)] for part in axis.scores],
        "thresholds": [_exact(part) for part in axis.thresholds.tolist()],
        "chosen": None if axis.chosen is None else list(axis.chosen),
    }


def axis_label(axis: Axis) -> str:
    """Return what stands at an axis: the target, its unit, and the classes to which it points."""
    other, positive = (_cut(axis.sides[side], _MOST_SIGNS["side"]) for side in (1, 0))
    score = f"{_cut(axis.target, _MOST_SIGNS['target'])} score, {axis.unit}"
    return f"\u2190 {other}{_GAP}{score}{_GAP}{positive} \u2192"


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


def _scale(scores: NDArray[np.float32]) -> list[Any]:
    """Return ends and marked places of an axis; the last of a position's is that of all its layers."""
    scale = scale_of(scores)
    return [scale.low, scale.high, [list(tick) for tick in scale.ticks]]


def _packed(scores: NDArray[np.float32]) -> str:
    """Return numbers (n_layers, n_prompts) as the base64 of 4 bytes each, least significant byte first."""
    return base64.b64encode(np.ascontiguousarray(scores, dtype="<f4").tobytes()).decode()


def _exact(values: Sequence[float]) -> list[float | None]:
    """Return numbers with every digit, None where there is none: a call hangs on the last one."""
    return [value if np.isfinite(value) else None for value in values]


def as_json(table: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return JSON that can stand in an element of a page: no sign of it can end the element or begin another.

    ASCII only: a name with half of a pair of signs, or a line separator, stays what it is.
    """
    text = json.dumps(table, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
