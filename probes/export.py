"""Probe weights as safetensors with a JSON card: no code runs on load, and the file tests itself."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from unsinter.probes.arrays import FloatArray

SCHEMA_VERSION = 1
_SELF_TEST_TOLERANCE = 1e-4


class ProbeFileError(ValueError):
    """A probe file is missing, damaged, or made for other activations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearWeights:
    """A linear probe as numbers: acts on raw activations, needs numpy only.

    Attributes
    ----------
    weight : (1, d_model) for two classes, else (n_classes, d_model); nats per activation unit.
    bias : (1,) or (n_classes,); nats.
    classes : names; for two classes a positive score means the second.
    card : what the probe is and was measured to do.
    """

    weight: FloatArray
    bias: FloatArray
    classes: tuple[str, ...]
    card: Mapping[str, Any]

    def scores(self, X: FloatArray) -> FloatArray:
        """Return log-odds of ``classes[1]`` (n_examples,), or logits (n_examples, n_classes)."""
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.weight.shape[1]:
            raise ProbeFileError(
                f"this probe reads activations of width {self.weight.shape[1]}, got shape {X.shape}."
            )
        scores = X @ self.weight.T.astype(np.float64) + self.bias
        return scores[:, 0] if len(self.classes) == 2 else scores


def save_probe(
    path: Path,
    *,
    weight: FloatArray,
    bias: FloatArray,
    classes: tuple[str, ...],
    card: Mapping[str, Any],
    examples: FloatArray,
) -> None:
    """Write ``path`` (safetensors) and the card beside it (``.json``).

    Parameters
    ----------
    weight, bias : see ``LinearWeights``; stored as float32.
    examples : (n, d_model) activations stored with their scores, so that loading can test itself.
    """
    probe = LinearWeights(
        weight=np.asarray(weight, np.float32), bias=np.asarray(bias, np.float32), classes=classes, card=card
    )
    examples = np.asarray(examples, np.float32)
    arrays = {
        "weight": probe.weight,
        "bias": probe.bias,
        "self_test.activations": examples,
        "self_test.scores": np.asarray(probe.scores(examples), np.float64),
    }
    # safetensors writes memory as it lies, and scikit-learn's weights of three classes lie column by column.
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"schema_version": SCHEMA_VERSION, "classes": list(classes), **card}, indent=1, sort_keys=True
    )
    _write_whole(
        path, lambda part: save_file(tensors, part, metadata={"schema_version": str(SCHEMA_VERSION)})
    )
    _write_whole(path.with_suffix(".json"), lambda part: part.write_text(text + "\n", encoding="utf-8"))


def _write_whole(path: Path, writer: Callable[[Path], object]) -> None:
    """Let ``writer`` fill a temporary file beside ``path`` and move it into place."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        writer(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_probe(path: Path) -> LinearWeights:
    """Read a probe and its card; ProbeFileError unless the stored examples get their stored scores."""
    try:
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        tensors = load_file(path)
        weight, bias = tensors["weight"], tensors["bias"]
        examples, expected = tensors["self_test.activations"], tensors["self_test.scores"]
        classes = tuple(card["classes"])
    except (OSError, json.JSONDecodeError, SafetensorError, KeyError) as error:
        raise ProbeFileError(
            f"{path}: not a probe with its card beside it ({error}); export it again."
        ) from error
    if card.get("schema_version") != SCHEMA_VERSION:
        raise ProbeFileError(
            f"{path}: the card has schema version {card.get('schema_version')!r}, "
            f"this version reads {SCHEMA_VERSION}."
        )
    probe = LinearWeights(weight=weight, bias=bias, classes=classes, card=card)
    if not np.allclose(probe.scores(examples), expected, atol=_SELF_TEST_TOLERANCE):
        raise ProbeFileError(
            f"{path}: the stored examples do not get their stored scores; the file was changed."
        )
    return probe
