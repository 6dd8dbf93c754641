"""What the page's script reads: one table of the run, one of each model, as JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.studies.explorer.axes import Axis, ModelAxes, model_axes
from unsinter.studies.explorer.interned import Texts
from unsinter.studies.explorer.labels import prompt_labels
from unsinter.studies.explorer.missing import missing_lines
from unsinter.studies.explorer.site_scores import HEADER, site_scores
from unsinter.studies.explorer.transfer_cells import transfer_matrices
from unsinter.studies.explorer.verdict_cells import verdict_maps
from unsinter.studies.figures.style import CELLS
from unsinter.studies.figures.verdict_text import LOOKS
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.figures import VARIABLES, verdict_variable

_DIGITS = 5
"""Significant digits of thresholds and bands; scores keep all of theirs."""


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
        "study": str(evidence.summary.get("study", "")),
        "models": list(evidence.models),
        "scoresHeader": list(HEADER),
        "looks": {
            name: {
                "mark": look.mark,
                "plain": look.plain,
                "meaning": look.meaning,
                "colour": verdict_variable(name),
            }
            for name, look in LOOKS.items()
        },
        # Of the positive class of both axes, of the first alone, of the second alone, of neither.
        "cells": [VARIABLES[colour] for colour, _, _ in CELLS.values()],
    }


def model_table(evidence: RunEvidence, model: str, kept: KeptPrompts) -> dict[str, Any]:
    """Return what the page shows of one model."""
    axes, texts = model_axes(evidence, model), Texts()
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
        "scores": [
            {"layer": layer, "position": position, "rows": rows}
            for (layer, position), rows in site_scores(evidence, model).items()
        ],
        "verdicts": verdict_maps(evidence, model, texts),
        "transfer": transfer_matrices(evidence, model, texts),
    }
    table["missing"] = missing_lines(evidence, table, kept.prompts is not None)
    return table | {"texts": texts.listed()}


def _axis(axis: Axis, axes: ModelAxes) -> dict[str, Any]:
    several = sum(other.target == axis.target for other in axes.axes) > 1
    return {
        "target": axis.target,
        "family": axis.family,
        "title": axis.title + (f", {axis.family}" if several else ""),
        "unit": axis.unit,
        "sides": list(axis.sides),
        "truth": axis.truth.tolist(),
        "scores": [_packed(part) for part in axis.scores],
        "thresholds": [_exact(part) for part in axis.thresholds.tolist()],
        "bands": _numbers(axis.bands),
        "chosen": None if axis.chosen is None else list(axis.chosen),
    }


def _packed(scores: NDArray[np.float32]) -> str:
    """Return numbers (n_layers, n_prompts) as the base64 of 4 bytes each, least significant byte first."""
    return base64.b64encode(np.ascontiguousarray(scores, dtype="<f4").tobytes()).decode()


def _exact(values: Sequence[float]) -> list[float | None]:
    """Return numbers with every digit, None where there is none: a call hangs on the last one."""
    return [value if np.isfinite(value) else None for value in values]


def _numbers(values: NDArray[np.float64]) -> Any:
    """Return nested lists of rounded numbers, None where there is none."""
    if values.ndim > 1:
        return [_numbers(part) for part in values]
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def as_json(table: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return JSON that can stand in an element of a page: no sign of it can end the element or begin another.

    ASCII only: a name with half of a pair of signs, or a line separator, stays what it is.
    """
    text = json.dumps(table, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
