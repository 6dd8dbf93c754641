"""Weights of every site that a run fitted, so that any of them can be exported later."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter
from safetensors import SafetensorError, safe_open

from unsinter.cache.errors import one_line
from unsinter.cache.json_text import parse_json
from unsinter.probes.arrays import FloatArray, Layers
from unsinter.probes.calibration import Calibration
from unsinter.probes.files.exported import ProbeWeights
from unsinter.probes.files.tensor_bytes import tensor_bytes
from unsinter.probes.files.whole_files import write_together
from unsinter.studies.study.file import StudyError

SCHEMA_VERSION = "2"
MOST_MAPS = 10_000
"""Affine maps of one probe; an MLP has a handful."""


class _Calibration(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    slope: FiniteFloat
    intercept: FiniteFloat


class _Entry(BaseModel):
    """What the file says of one site, by type: a digest says that it is as it was sealed, not by whom."""

    model_config = ConfigDict(strict=True, extra="ignore")

    layer: int
    position: str
    family: str
    classes: list[str]
    n_maps: int = Field(ge=1, le=MOST_MAPS)
    threshold: FiniteFloat | None
    calibration: _Calibration | None
    is_tuned: bool
    sha256: str


_ENTRIES = TypeAdapter(list[_Entry])


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWeights:
    """One fitted probe of a run: what an export needs of it beside the run's tables.

    Attributes
    ----------
    classes : for two, the second is the positive one; of more, the order of the last map's outputs.
    layers : (weight (n_out, n_in), bias (n_out,)) with ReLU between; scaler folded in, sign set so that a
        positive score speaks for ``classes[1]``.
    examples : (n, d_model) a few raw activations of the site; they become the file's self-test.
    threshold, calibration : None where the results table holds them, or where there are none.
    is_tuned : whether tuning chose it, rather than the sweep.
    """

    layer: int
    position: str
    family: str
    classes: tuple[str, ...]
    layers: Layers
    examples: FloatArray
    threshold: float | None = None
    calibration: Calibration | None = None
    is_tuned: bool = False

    @property
    def name(self) -> str:
        """What names the site in the file and in errors."""
        return f"layer {self.layer} at {self.position} ({self.family}{', tuned' if self.is_tuned else ''})"

    def as_probe(self, facts: Mapping[str, Any]) -> ProbeWeights:
        """Return the probe with a card of these facts, or raise ProbeFileError where parts do not fit."""
        return ProbeWeights(
            layers=self.layers,
            classes=self.classes,
            family=self.family,
            threshold=self.threshold,
            calibration=self.calibration,
            card=facts,
        )


def weights_file(folder: Path, *, model: str, target: str) -> Path:
    """Return where a run keeps the weights of one model and target."""
    return folder / "weights" / f"{model}-{target}.safetensors"


def write_weights(path: Path, sites: Sequence[SiteWeights], *, about: Mapping[str, str]) -> None:
    """Write all sites of one model and target as float32, whole or not at all.

    ``about`` says which run this is (``split_digest`` and the model's ``weights`` digest); reading compares
    it, so that weights of other settings are never exported under these results.

    Raises
    ------
    StudyError : two sites have one name.
    ProbeFileError : the file cannot be written.
    """
    tensors: dict[str, FloatArray] = {}
    entries: list[dict[str, Any]] = []
    for number, site in enumerate(sites):
        if any(entry["name"] == site.name for entry in entries):
            raise StudyError(f"{path}: {site.name} was fitted twice; weights are kept once per site.")
        arrays = _arrays(site)
        tensors |= {f"{number}.{name}": array for name, array in arrays.items()}
        entry = _entry(site)
        entries.append({**entry, "sha256": _digest(entry, arrays)})
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "about": json.dumps(dict(about), sort_keys=True),
        "sites": json.dumps(entries),
    }
    write_together({path: tensor_bytes(tensors, metadata=metadata)})


def read_weights(
    path: Path,
    *,
    layer: int,
    position: str,
    tuned: bool = False,
    family: str | None = None,
    about: Mapping[str, str] | None = None,
) -> SiteWeights:
    """Return the weights of one site; the others are not read.

    Raises
    ------
    StudyError : the file is missing, damaged or of another run, the site is not in it (those that are, are
        named), or several families were fitted there and ``family`` names none.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        if metadata.get("schema_version") != SCHEMA_VERSION:
            raise StudyError(f"{path}: not the weights of a run's sites; run the study again.")
        if about is not None and parse_json(metadata["about"]) != dict(about):
            raise StudyError(
                f"{path}: weights of another run than the tables beside it; run the study again."
            )
        entries = parse_json(metadata["sites"])
        _ENTRIES.validate_python(entries)
        number, entry = _find(path, entries, layer, position, tuned, family)
        maps = (f"{part}.{i}" for i in range(entry["n_maps"]) for part in ("weight", "bias"))
        arrays = {name: file.get_tensor(f"{number}.{name}") for name in ("examples", *maps)}
        if _digest(entry, arrays) != entry["sha256"]:
            raise StudyError(
                f"{path}: the weights of {entry.get('name', number)} were changed; run the study again."
            )
    calibration = entry["calibration"]
    return SiteWeights(
        layer=entry["layer"],
        position=entry["position"],
        family=entry["family"],
        classes=tuple(entry["classes"]),
        layers=tuple((arrays[f"weight.{i}"], arrays[f"bias.{i}"]) for i in range(entry["n_maps"])),
        examples=arrays["examples"],
        threshold=entry["threshold"],
        calibration=None if calibration is None else Calibration(**calibration),
        is_tuned=entry["is_tuned"],
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise StudyError(f"{path}: the run kept no such weights; run the study again with this version.")
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except StudyError:
        raise
    except (SafetensorError, OSError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise StudyError(f"{path}: damaged ({one_line(error)}); run the study again.") from error


def _find(
    path: Path, entries: Sequence[dict[str, Any]], layer: int, position: str, tuned: bool, family: str | None
) -> tuple[int, dict[str, Any]]:
    matching = [
        (number, entry)
        for number, entry in enumerate(entries)
        if (entry["layer"], entry["position"], entry["is_tuned"]) == (layer, position, tuned)
        and family in (None, entry["family"])
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        families = ", ".join(entry["family"] for _, entry in matching)
        raise StudyError(
            f"layer {layer} at {position} has probes of the families {families}; name one with --family."
        )
    site = f"layer {layer} at {position}{f' ({family})' if family else ''}{', tuned,' if tuned else ''}"
    raise StudyError(f"{path}: {site} is not among the sites it holds: {_listing(entries)}.")


def _listing(entries: Sequence[dict[str, Any]]) -> str:
    """Name the sites: layers per position and family, in one line however many there are."""
    layers: dict[str, list[int]] = {}
    for entry in entries:
        kind = f"{entry['position']} ({entry['family']}{', tuned' if entry['is_tuned'] else ''})"
        layers.setdefault(kind, []).append(entry["layer"])
    parts = (f"layers {', '.join(map(str, sorted(numbers)))} at {kind}" for kind, numbers in layers.items())
    return "; ".join(parts) or "none"


def _arrays(site: SiteWeights) -> dict[str, FloatArray]:
    arrays = {"examples": np.ascontiguousarray(site.examples, np.float32)}
    for index, (weight, bias) in enumerate(site.layers):
        arrays[f"weight.{index}"] = np.ascontiguousarray(weight, np.float32)
        arrays[f"bias.{index}"] = np.ascontiguousarray(bias, np.float32)
    return arrays


def _entry(site: SiteWeights) -> dict[str, Any]:
    return {
        "name": site.name,
        "layer": int(site.layer),
        "position": site.position,
        "family": site.family,
        "classes": list(site.classes),
        "n_maps": len(site.layers),
        "threshold": None if site.threshold is None else float(site.threshold),
        "calibration": None if site.calibration is None else asdict(site.calibration),
        "is_tuned": bool(site.is_tuned),
    }


def _digest(entry: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> str:
    """Return the SHA-256 of one site: its entry, less the digest itself, and its numbers."""
    fields = {name: value for name, value in entry.items() if name != "sha256"}
    total = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        total.update(arrays[name].tobytes())
    return total.hexdigest()
