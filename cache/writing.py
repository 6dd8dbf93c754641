"""Writing one shard: values checked, file written beside its place, given its name, listed in the index.

A shard and its entry are files that are made once: the second writer of a name meets the file of the first.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unsinter.cache.atomic import Chunks, naming_once
from unsinter.cache.entries import IndexFile, ShardEntry
from unsinter.cache.errors import CacheError, refused
from unsinter.cache.index import Index
from unsinter.cache.manifest import Folder
from unsinter.cache.shard import STORED, ShardPlan, check_shard, encode

_UNSEEN_SECONDS = 0.01
"""Pause before an entry is looked for again that another machine wrote a moment ago."""


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
    """Store one shard, list it in the index, and return the bytes written: 0 if others stored it by now.

    Of rows that others store meanwhile none is stored again; no writer waits for another.

    Raises
    ------
    CacheError : the operating system refused, or the folder holds activations of another type or width.
    """
    n_bytes: int | None = None
    while n_bytes is None:
        index = folder.load()
        check_alike(folder, index, dtype=dtype, d_model=arrays[0].shape[2])
        kept = index.rows_not_held(plan)
        if not kept:
            return 0
        if len(kept) < len(plan.rows):
            # Another study stored some of these rows while they were computed: store only the others.
            rows = tuple(plan.rows[place] for place in kept)
            plan = ShardPlan(rows=rows, layers=plan.layers, positions=plan.positions)
            arrays = [np.ascontiguousarray(array[:, kept]) for array in arrays]
        n_bytes = _write_once(folder, plan, arrays, dtype=dtype)
    return n_bytes


def _write_once(folder: Folder, plan: ShardPlan, arrays: list[np.ndarray], *, dtype: str) -> int | None:
    """Store and list one shard; None where others listed some of its rows first."""
    header, header_sha256 = encode(plan, arrays, identity_key=folder.path.name, dtype=dtype)
    path = folder.shards / plan.name(folder.path.name, dtype)
    chunks: Chunks = [header, *(array.data for array in arrays)]
    n_bytes = len(header) + sum(array.nbytes for array in arrays)
    try:
        with naming_once(path, chunks, guard=folder.guard) as name_it:
            is_ours = name_it(path)
        if not is_ours and path.name in folder.load():  # another writer's, which need not be read
            return 0
        if not is_ours:  # a killed process left it, or one without working locks is about to list it
            return 0 if adopt(folder, plan, dtype=dtype) else None
        entry = ShardEntry.for_plan(
            plan, dtype=dtype, d_model=arrays[0].shape[2], n_bytes=n_bytes, header_sha256=header_sha256
        )
        if list_shard(folder, path.name, entry):
            return n_bytes
        if path.name not in folder.load():
            path.unlink(missing_ok=True)
    except OSError as error:
        raise refused(error, path, n_bytes=n_bytes) from error
    return None


def list_shard(folder: Folder, name: str, entry: ShardEntry) -> bool:
    """Add a whole shard to the index, and say so; False where the shard or any of its rows is listed already.

    The entry gets the number after the last that was read; where another writer took that number, its entry
    is read first. An entry that came below what was folded meanwhile does not count and is added again.

    Raises
    ------
    CacheError : the operating system refused the write, or the index is damaged.
    """
    chunks = IndexFile(entries={name: entry}).encoded(folder.path.name)
    target = folder.entry(0)
    try:
        beside = folder.entries / f"{Path(name).stem}.entry"
        with naming_once(beside, chunks, guard=folder.guard) as name_it:
            while True:
                index = folder.load()
                number = index.next  # before the entries are looked at, to which another thread may add
                if name in index or not _is_new(index, entry):
                    return False
                target = folder.entry(number)
                if not name_it(target):
                    _read_taken(folder, number)
                elif folder.load().folded <= number:
                    return True
                else:
                    target.unlink(missing_ok=True)
    except OSError as error:
        raise refused(error, target, n_bytes=sum(map(len, chunks))) from error


def _is_new(index: Index, entry: ShardEntry) -> bool:
    return len(index.rows_not_held(entry.plan)) == entry.n_rows


def _read_taken(folder: Folder, number: int) -> None:
    """Read an entry that another writer got to first; it may be folded by now, or not visible yet."""
    try:
        folder.read_entry(number)
    except FileNotFoundError:
        time.sleep(_UNSEEN_SECONDS)


def adopt(folder: Folder, plan: ShardPlan, *, dtype: str) -> bool:
    """List a whole shard that a killed process left without an entry; False if there is no such file.

    Raises
    ------
    CacheError : the file is there and is not what its name says.
    """
    path = folder.shards / plan.name(folder.path.name, dtype)
    if not path.exists():
        return False
    try:
        entry = ShardEntry.of(check_shard(path, identity_key=folder.path.name))
    except CacheError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return False  # withdrawn by a writer that met another's rows
        raise
    return list_shard(folder, path.name, entry) or path.name in folder.load()


def check_alike(folder: Folder, index: Index, *, dtype: str, d_model: int | None = None) -> None:
    """Raise CacheError if the folder holds activations of another type or width."""
    for (stored, width), name in index.kinds.items():
        if stored != dtype or (d_model is not None and width != d_model):
            raise CacheError(
                f"{folder.shards / name}: this model's folder holds {stored} of width {width}, "
                f"not {dtype}{'' if d_model is None else f' of width {d_model}'}; the type belongs in the "
                "identity, so that each has a folder of its own."
            )


def _refuse_non_finite(plan: ShardPlan, layer: int, array: np.ndarray, *, dtype: str) -> None:
    bad = (array & 0x7F80) == 0x7F80 if dtype == "bfloat16" else ~np.isfinite(array)
    if bad.any():
        row, position, dimension = np.argwhere(bad)[0].tolist()
        raise CacheError(
            f"Layer {layer} of row {plan.rows[row]} at {plan.positions[position]} is NaN or infinite in "
            f"dimension {dimension} ({int(bad.sum())} such values in this layer); load the model in a wider "
            "type, such as bfloat16 or float32, and run again."
        )
