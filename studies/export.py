"""Exported probes: weights and a card that says what they are, where they read, and how well they did."""

from pathlib import Path
from typing import Any

import numpy as np

from unsinter.probes.export import save_probe
from unsinter.studies.model_study import ChosenProbe, ModelOutcome
from unsinter.studies.targets import MEANING


def export_probe(folder: Path, probe: ChosenProbe, outcome: ModelOutcome, summary: dict[str, Any]) -> Path:
    """Write one chosen probe with its card; return the safetensors file."""
    layer, position = probe.fit.site
    path = folder / f"{outcome.name}-{probe.target.name}-layer{layer:02d}-{position}.safetensors"
    fitted = probe.fit.probe
    sign = 1.0 if not probe.target.is_binary or fitted.classes_[1] == probe.target.classes[1] else -1.0
    classes = probe.target.classes if probe.target.is_binary else tuple(str(name) for name in fitted.classes_)
    save_probe(
        path,
        weight=sign * fitted.coef_,
        bias=sign * fitted.intercept_,
        classes=classes,
        card=_card(probe, outcome, summary),
        examples=np.asarray(probe.examples),
    )
    return path


def _card(probe: ChosenProbe, outcome: ModelOutcome, summary: dict[str, Any]) -> dict[str, Any]:
    layer, position = probe.fit.site
    scores = next(
        row for row in summary["models"][outcome.name]["selected"] if row["target"] == probe.target.name
    )
    return {
        "target": probe.target.name,
        "meaning": MEANING[probe.target.name],
        "model": {"name": outcome.name, **outcome.identity},
        "layer": layer,
        "position": position,
        "site": {
            "here": f"residual stream after block {layer}, before any final norm; 0 is the embedding output",
            "hidden_states": f"hidden_states[{layer}]; after the last block that entry is normed and differs",
            "transformer_lens": f"blocks.{layer - 1}.hook_resid_post" if layer else "blocks.0.hook_resid_pre",
        },
        "sign": f"a positive score means {probe.target.classes[1]!r}"
        if probe.target.is_binary
        else "one logit per class",
        "scaler": "folded into weight and bias: the probe reads raw activations",
        "measured": scores,
        "split_digest": summary["split_digest"],
        "seed": summary["seed"],
        "versions": summary["versions"],
    }
