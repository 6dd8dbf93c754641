"""Arrays that somebody else saved: opened, checked in sentences, read site by site."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from unsinter.features.records.record import RecordError
from unsinter.features.records.rows import read_rows
from unsinter.studies.data.sites import Site
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.saved_activations import SavedActivations, expression, matches

Bits: TypeAlias = NDArray[Any]
"""(n_rows, d_model) as saved; bfloat16 as uint16 bits."""

_NUMBERS = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}
_SIZE_OF_PART = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedArrays:
    """The arrays of one model, alike in rows, width and number format.

    Attributes
    ----------
    ids : of the rows of every array.
    dtype : float32, float16 or bfloat16.
    """

    model: str
    source: SavedActivations
    ids: tuple[str, ...]
    layers: tuple[int, ...]
    positions: tuple[str, ...]
    d_model: int
    dtype: str

    def read(self, site: Site) -> Bits:
        """Return one array.

        Raises
        ------
        StudyError : it is not as the others, or holds NaN or inf.
        """
        values, dtype = read_array(self.source, site, model=self.model)
        where = place_of(self.source, site, model=self.model)
        if values.shape != (len(self.ids), self.d_model) or dtype != self.dtype:
            raise StudyError(
                f"{where} is {shape_text(values.shape)} of {dtype}; {len(self.ids):,} ids and the first "
                f"array ask for {shape_text((len(self.ids), self.d_model))} of {self.dtype}."
            )
        if len(bad := np.flatnonzero(~np.isfinite(as_float(values, dtype)).all(axis=1))):
            raise StudyError(
                f"{where}: row {bad[0]} (id {self.ids[bad[0]]!r}) holds NaN or inf; save it again, in "
                "float32 where the numbers overflow."
            )
        return values


def open_arrays(
    model: str, source: SavedActivations, *, layers: Sequence[int] | str, positions: Sequence[str]
) -> SavedArrays:
    """Return the arrays of a model's sites after reading the ids and the first array.

    Raises
    ------
    StudyError : no table of ids, no array for a site, an array that is no matrix of floats.
    """
    places = tuple(dict.fromkeys(positions))
    wanted = known_layers(model, source, places) if isinstance(layers, str) else tuple(sorted(set(layers)))
    first, dtype = read_array(source, (wanted[0], places[0]), model=model)
    return SavedArrays(
        model=model,
        source=source,
        ids=read_ids(model, source.ids),
        layers=wanted,
        positions=places,
        d_model=first.shape[1],
        dtype=dtype,
    )


def read_ids(model: str, path: Path) -> tuple[str, ...]:
    """Return the column ``id`` of a table.

    Raises
    ------
    StudyError : it has none, or an id twice.
    """
    where = f"model {model!r}: activations.ids, {path}"
    try:
        rows = read_rows(path)
        if "id" not in rows.columns:
            raise StudyError(f"{where}: there is no column 'id'; it has {', '.join(rows.columns[:8])}.")
        ids = [row.values.get("id") for row in rows.rows]
    except FileNotFoundError:
        raise StudyError(f"{where}, does not exist.") from None
    except RecordError as error:
        raise StudyError(f"{where} cannot be read: {error}") from error
    if None in ids or "" in ids:
        place = ids.index(None) if None in ids else ids.index("")
        raise StudyError(f"{where}: row {place + 1} has no id; every row of the arrays needs one.")
    names = tuple(map(str, ids))
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise StudyError(f"{where}: id {twice!r} stands there twice; every row needs an id of its own.")
    return names


def known_layers(model: str, source: SavedActivations, positions: Sequence[str]) -> tuple[int, ...]:
    """Return the layers that have an array at every position.

    Raises
    ------
    StudyError : positions differ.
    """
    by_position = {position: _layers_at(source, position) for position in positions}
    layers = by_position[positions[0]]
    if not layers:
        raise StudyError(
            f"model {model!r}: activations.path, {source.path}, fits no file for position {positions[0]!r}; "
            "correct the pattern, or name positions that were saved."
        )
    for position, others in by_position.items():
        if differ := sorted(layers ^ others):
            raise StudyError(
                f"model {model!r}: layer {differ[0]} has an array at one of the positions {positions[0]!r} "
                f"and {position!r} alone; name the layers to read, or save the other array too."
            )
    return tuple(sorted(layers))


def _layers_at(source: SavedActivations, position: str) -> set[int]:
    """Return the layers that files, or the names of tensors in files, have at a position."""
    layers = set()
    for path, names in matches(source.path):
        if names.get("position", position) != position:
            continue
        if "layer" in names:
            layers.add(int(names["layer"]))
        elif source.tensor is not None:
            wanted = expression(source.tensor)
            with safe_open(path, framework="pt") as file:
                parts = [match.groupdict() for name in file.keys() if (match := wanted.fullmatch(name))]  # noqa: SIM118
            layers |= {int(p["layer"]) for p in parts if p.get("position", position) == position}
    return layers


def has_site(source: SavedActivations, site: Site) -> bool:
    """Return whether an array was saved for a site."""
    return site[0] in _layers_at(source, site[1])


def place_of(source: SavedActivations, site: Site, *, model: str) -> str:
    """Return where a site's array lies, for errors."""
    tensor = source.tensor_name(*site)
    inside = "" if tensor is None else f", tensor {tensor!r}"
    return f"model {model!r}: layer {site[0]} at {site[1]!r}, {source.file(*site)}{inside},"


def read_array(source: SavedActivations, site: Site, *, model: str) -> tuple[Bits, str]:
    """Return the array of a site and its number format.

    Raises
    ------
    StudyError : it is no matrix of floats.
    """
    where, path = place_of(source, site, model=model), source.file(*site)
    if not path.is_file():
        raise StudyError(f"{where} does not exist; save it, or leave that layer or position out.")
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
            dtype = values.dtype.name
            values = values.astype(values.dtype.newbyteorder("="), copy=False)
        else:
            values, dtype = _read_tensor(path, source.tensor_name(*site))
    except (OSError, ValueError, EOFError, SafetensorError) as error:
        raise StudyError(f"{where} cannot be read: {' '.join(str(error).split())[:160]}.") from error
    if dtype not in _NUMBERS or values.ndim != 2 or 0 in values.shape:
        raise StudyError(
            f"{where} is {shape_text(values.shape)} of {dtype}; save a matrix (rows, width) of float32, "
            "float16 or bfloat16."
        )
    return values, dtype


def _read_tensor(path: Path, name: str | None) -> tuple[Bits, str]:
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        if name is None and len(names) != 1:
            raise ValueError(f"it holds {len(names)} tensors; say which with 'tensor'")
        if name is not None and name not in names:
            raise ValueError(f"it has no tensor {name!r}; it has {', '.join(sorted(names)[:6])}")
        tensor = file.get_tensor(name or names[0]).contiguous()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy(), dtype
    return tensor.numpy(), dtype


def as_float(values: Bits, dtype: str) -> NDArray[Any]:
    """Return saved values as numbers."""
    if dtype == "bfloat16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def array_digest(values: Bits, dtype: str) -> str:
    """Return the SHA-256 of number format, shape and bytes."""
    digest = hashlib.sha256(f"{dtype} {values.shape}\n".encode())
    flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    for start in range(0, len(flat), _SIZE_OF_PART):
        digest.update(flat[start : start + _SIZE_OF_PART].data)
    return digest.hexdigest()


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape in words."""
    return " x ".join(f"{n:,}" for n in shape) or "a single number"
