"""Writing one shard: values checked, file written beside its place, then made visible with the index."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unsinter.cache.atomic import Chunks, publish, write_atomically, write_beside
from unsinter.cache.errors import CacheError, refused
from unsinter.cache.manifest import Entry, Folder, Manifest
from unsinter.cache.plan import shards_of_rows
from unsinter.cache.shard import STORED, ShardPlan, check_shard, encode


def check_values(plan: ShardPlan, values: Mapping[int, np.ndarray], *, dtype: str) -> list[np.ndarray]:
    """Return the values as one contiguous (positions, rows, d_model) array per layer.

    Raises
    ------
    CacheError : a layer is missing or extra, a shape or type is wrong, or a value is NaN or infinite.
    """
    if dtype not in STORED:
        raise CacheError(f"Activations of type {dtype!r} cannot be stored; use one of {', '.join(STORED)}.")
    if set(values) != set(plan.layers):
        raise CacheError(
            f"Values for layers {sorted(values)} were given where the shard holds {list(plan.layers)}."
        )
    widths = {array.shape[-1] if array.ndim else 0 for array in values.values()}
    shape = (len(plan.rows), len(plan.positions), max(widths))
    for layer in plan.layers:
        array = values[layer]
        if array.shape != shape or array.shape[2] == 0:
            raise CacheError(
                f"Layer {layer} has the shape {array.shape}; expected (rows, positions, d_model) = {shape}."
            )
        if array.dtype != STORED[dtype][1]:
            raise CacheError(
                f"Layer {layer} holds {array.dtype} where {dtype} is stored as "
                f"{np.dtype(STORED[dtype][1])}; the cache never converts: hand over the model's own bits."
            )
        _refuse_non_finite(plan, layer, array, dtype=dtype)
    return [np.ascontiguousarray(values[layer].transpose(1, 0, 2)) for layer in plan.layers]


def write_shard(folder: Folder, plan: ShardPlan, arrays: list[np.ndarray], *, dtype: str) -> int:
    """Store one shard, list it in the manifest, and return the bytes written: 0 if others stored it by now.

    Raises
    ------
    CacheError : the operating system refused, or the folder holds activations of another type or width.
    """
    path, header, header_sha256 = _encoded(folder, plan, arrays, dtype)
    n_bytes = len(header) + sum(array.nbytes for array in arrays)
    chunks: Chunks = [header, *(array.data for array in arrays)]
    try:
        temporary = write_beside(path, chunks)
    except OSError as error:
        raise refused(error, path, n_bytes=n_bytes) from error
    try:
        # Rename and index change under one lock: no other process can list a shard that overlaps this one.
        with folder.locked():
            manifest = folder.load()
            check_alike(folder, manifest, dtype=dtype, d_model=arrays[0].shape[2])
            kept = rows_not_stored(manifest, plan)
            if len(kept) < len(plan.rows):
                return _write_rest(folder, plan, arrays, dtype=dtype, kept=kept, manifest=manifest)
            publish(temporary, path, chunks)
            entry = Entry(
                plan=plan,
                dtype=dtype,
                d_model=arrays[0].shape[2],
                n_bytes=n_bytes,
                header_sha256=header_sha256,
            )
            folder.save({**manifest, path.name: entry})
    except OSError as error:
        raise refused(error, path, n_bytes=n_bytes) from error
    finally:
        temporary.unlink(missing_ok=True)
    return n_bytes


def adopt(folder: Folder, plan: ShardPlan, *, dtype: str) -> bool:
    """List a whole shard that a killed process left without an entry; False if there is no such file.

    Raises
    ------
    CacheError : the file is there and is not what its name says.
    """
    path = folder.shards / plan.name(folder.path.name, dtype)
    if not path.exists():
        return False
    entry = Entry.of(check_shard(path, identity_key=folder.path.name))
    with folder.locked():
        manifest = folder.load()
        if path.name not in manifest:
            if len(rows_not_stored(manifest, plan)) < len(plan.rows):
                return False
            folder.save({**manifest, path.name: entry})
    return True


def check_alike(folder: Folder, manifest: Manifest, *, dtype: str, d_model: int | None = None) -> None:
    """Raise CacheError if the folder holds activations of another type or width."""
    for name, entry in manifest.items():
        if entry.dtype != dtype or (d_model is not None and entry.d_model != d_model):
            raise CacheError(
                f"{folder.shards / name}: this model's folder holds {entry.dtype} of width {entry.d_model}, "
                f"not {dtype}{'' if d_model is None else f' of width {d_model}'}; the type belongs in the "
                "identity, so that each has a folder of its own."
            )


def _encoded(
    folder: Folder, plan: ShardPlan, arrays: list[np.ndarray], dtype: str
) -> tuple[Path, bytes, str]:
    header, sha256 = encode(plan, arrays, identity_key=folder.path.name, dtype=dtype)
    return folder.shards / plan.name(folder.path.name, dtype), header, sha256


def rows_not_stored(manifest: Manifest, plan: ShardPlan) -> list[int]:
    """Return the places of the plan's rows of which no shard holds anything that the plan holds."""
    holders = shards_of_rows(manifest, plan)
    return [place for place, row in enumerate(plan.rows) if row not in holders]


def _write_rest(
    folder: Folder,
    plan: ShardPlan,
    arrays: list[np.ndarray],
    *,
    dtype: str,
    kept: list[int],
    manifest: Manifest,
) -> int:
    # Another study stored some of these rows while they were computed: store only the others, so that none is
    # twice.
    if not kept:
        return 0
    rest = ShardPlan(
        rows=tuple(plan.rows[place] for place in kept), layers=plan.layers, positions=plan.positions
    )
    fewer = [np.ascontiguousarray(array[:, kept]) for array in arrays]
    path, header, sha256 = _encoded(folder, rest, fewer, dtype)
    n_bytes = len(header) + sum(array.nbytes for array in fewer)
    write_atomically(path, [header, *(array.data for array in fewer)])
    entry = Entry(plan=rest, dtype=dtype, d_model=fewer[0].shape[2], n_bytes=n_bytes, header_sha256=sha256)
    folder.save({**manifest, path.name: entry})
    return n_bytes


def _refuse_non_finite(plan: ShardPlan, layer: int, array: np.ndarray, *, dtype: str) -> None:
    bad = (array & 0x7F80) == 0x7F80 if dtype == "bfloat16" else ~np.isfinite(array)
    if bad.any():
        row, position, dimension = np.argwhere(bad)[0].tolist()
        raise CacheError(
            f"Layer {layer} of row {plan.rows[row]} at {plan.positions[position]} is NaN or infinite in "
            f"dimension {dimension} ({int(bad.sum())} such values in this layer); load the model in a wider "
            "type, such as bfloat16 or float32, and run again."
        )
