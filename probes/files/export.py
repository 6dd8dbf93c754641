"""Probe files: safetensors weights with a sealed JSON card; no code runs on load, and a file tests itself.

Reading and scoring need numpy and safetensors only.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from unsinter.cache.location import is_folder, read_regular
from unsinter.probes.arrays import FloatArray, Layers
from unsinter.probes.calibration import Calibration
from unsinter.probes.families.registry import family_of
from unsinter.probes.files.card_seal import SCHEMA_VERSION, SEAL, card_text, digest_of, read_card, sealed
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.probes.files.hub import WEIGHTS, fetch_probe, is_address
from unsinter.probes.files.whole_files import write_together

OUR_FIELDS = (
    "schema_version",
    "classes",
    "family",
    "threshold",
    "calibration",
    "score_unit",
    "weights_sha256",
    SEAL,
)
"""Card fields that saving writes from the probe itself."""

_SELF_TEST_TOLERANCE = 1e-6


def save_probe(path: Path, probe: ProbeWeights, *, examples: FloatArray) -> ProbeWeights:
    """Write ``path`` (.safetensors) and its card (``.json``) and return the probe as loading would.

    Weights are stored as float32. ``probe.card`` holds further facts, of which ``model`` (its ``identity``
    and a ``name``), ``layer``, ``position`` and ``target`` are what ``check_fits`` compares. ``examples``
    (n, d_model) are activations stored with their scores, so that loading can test itself.

    Raises
    ------
    ProbeFileError : the card names a field that is ours or holds what JSON cannot, or a file cannot be
        written.
    """
    packed, data = pack_probe(probe, examples=examples)
    write_together(probe_files(path, packed, data))
    return packed


def pack_probe(probe: ProbeWeights, *, examples: FloatArray) -> tuple[ProbeWeights, bytes]:
    """Return the probe with float32 weights and a sealed card, and the bytes of its safetensors file."""
    taken = [name for name in OUR_FIELDS if name in probe.card]
    if taken and "schema_version" not in probe.card:
        raise ProbeFileError(f"the card field {taken[0]!r} is written by us; rename yours.")
    layers = tuple((np.asarray(w, np.float32), np.asarray(b, np.float32)) for w, b in probe.layers)
    rounded = replace(probe, layers=layers)
    data = _weight_bytes(rounded, np.asarray(examples, np.float32))
    return with_card(rounded, probe.card, data), data


def with_card(probe: ProbeWeights, facts: Mapping[str, Any], data: bytes) -> ProbeWeights:
    """Return the probe with these facts in a sealed card; ``data`` is its weights file."""
    card = {
        **{name: value for name, value in facts.items() if name not in OUR_FIELDS},
        "schema_version": SCHEMA_VERSION,
        "classes": list(probe.classes),
        "family": probe.family,
        "threshold": probe.threshold,
        "calibration": None if probe.calibration is None else asdict(probe.calibration),
        "score_unit": family_of(probe.family).score_unit,
        "weights_sha256": digest_of(data),
    }
    return replace(probe, card=sealed(card))


def probe_files(path: Path, probe: ProbeWeights, data: bytes) -> dict[Path, bytes]:
    """Return a packed probe's two files, the card last.

    Raises
    ------
    ProbeFileError : unless ``path`` is .safetensors.
    """
    if path.suffix != ".safetensors":
        raise ProbeFileError(f"{path}: a probe file ends in .safetensors; its card takes the same name.")
    return {path: data, path.with_suffix(".json"): card_text(probe.card).encode()}


def load_probe(path: Path | str) -> ProbeWeights:
    """Read a probe and its card: the folder that ``unsinter export`` wrote, or a ``.safetensors`` file.

    ``hub:owner/name`` and ``hub:owner/name@revision`` name a probe on the Hugging Face Hub: its two files are
    fetched into the local hub cache and checked as any others; nothing else of the repository is read.

    Raises
    ------
    ProbeFileError : a file is missing, changed in any byte or field, of a later schema version, or the
        stored examples do not get their stored scores; a probe of the Hub that cannot be fetched is the
        kind `HubError`.
    """
    local = _local(path)
    card_path = local.with_suffix(".json")
    path, where = (path, path) if is_address(path) else (local, card_path)
    try:
        card = read_card(read_regular(card_path).decode(), where=where)
        data = read_regular(local)
    except FileNotFoundError as error:
        raise ProbeFileError(
            f"{path}: not a probe with its card beside it ({Path(error.filename or card_path).name} is not "
            f"there); name the folder that `unsinter export` wrote, or its {WEIGHTS}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeFileError(
            f"{path}: not a probe with its card beside it ({' '.join(str(error).split())}); export it again."
        ) from error
    version = card["schema_version"]
    if version == SCHEMA_VERSION and digest_of(data) != card.get("weights_sha256"):
        raise ProbeFileError(f"{path}: these are not the weights its card was written for; export it again.")
    try:
        tensors = load(data)
        _check_version(data, version)
        probe = _from_first_schema(card, tensors) if version == 1 else _from_card(card, tensors)
        examples, expected = tensors["self_test.activations"], tensors["self_test.scores"]
        same = np.allclose(
            probe.scores(examples), expected, rtol=_SELF_TEST_TOLERANCE, atol=_SELF_TEST_TOLERANCE
        )
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProbeFileError(
            f"{path}: not a probe with its card beside it ({error}); export it again."
        ) from error
    if not same:
        raise ProbeFileError(
            f"{path}: the stored examples do not get their stored scores; the file was changed."
        )
    return probe


def read_examples(path: Path | str) -> tuple[FloatArray, FloatArray]:
    """Return the self-test of a probe file: activations (n, d_model) and the scores stored with them."""
    path = _local(path)
    load_probe(path)
    tensors = load(read_regular(path))
    return tensors["self_test.activations"], tensors["self_test.scores"]


def _local(path: Path | str) -> Path:
    if is_address(path):
        return fetch_probe(path)
    local = Path(path).expanduser()
    return local / WEIGHTS if is_folder(local) else local


def _weight_bytes(probe: ProbeWeights, examples: FloatArray) -> bytes:
    arrays = {
        "self_test.activations": examples,
        "self_test.scores": np.asarray(probe.scores(examples), np.float64),
    }
    for index, (weight, bias) in enumerate(probe.layers):
        arrays |= {f"weight.{index}": weight, f"bias.{index}": bias}
    # safetensors writes memory as it lies, and scikit-learn's weights of three classes lie column by column.
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(tensors, metadata={"schema_version": str(SCHEMA_VERSION)})


def _check_version(data: bytes, version: int) -> None:
    """A card that claims the first schema must not talk a later file out of its digests."""
    (length,) = struct.unpack("<Q", data[:8])
    stored = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("schema_version")
    if stored != str(version):
        raise ProbeFileError(f"the weights are of schema version {stored}, the card of {version}")


def _from_card(card: Mapping[str, Any], tensors: Mapping[str, FloatArray]) -> ProbeWeights:
    calibration = card["calibration"]
    return ProbeWeights(
        layers=_layers(tensors),
        classes=tuple(card["classes"]),
        family=card["family"],
        threshold=None if card["threshold"] is None else float(card["threshold"]),
        calibration=None if calibration is None else Calibration(**calibration),
        card=card,
    )


def _layers(tensors: Mapping[str, FloatArray]) -> Layers:
    n_layers = sum(name.startswith("weight.") for name in tensors)
    return tuple((tensors[f"weight.{index}"], tensors[f"bias.{index}"]) for index in range(n_layers))


def _from_first_schema(card: Mapping[str, Any], tensors: Mapping[str, FloatArray]) -> ProbeWeights:
    """Files of schema 1 held logistic probes only, without threshold, calibration or digests."""
    classes = tuple(card["classes"])
    return ProbeWeights(
        layers=((tensors["weight"], tensors["bias"]),),
        classes=classes,
        threshold=0.0 if len(classes) == 2 else None,
        card=card,
    )
