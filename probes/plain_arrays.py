"""Arrays of callers as plain NumPy arrays: rows by place, and what cannot be read is refused by name.

Lists, tuples, pandas, polars and pyarrow columns, torch tensors of any type and device, masked arrays. An
index of rows is never looked at: row i is the i-th one. This module needs NumPy alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, LabelArray

_NO_ORDER = (str, bytes, bytearray, dict, set, frozenset)
"""What has a length but is no row of values."""

_EXACT = 2**53
"""Whole numbers from here on may have no float of their own."""


def plain_array(values: Any, *, name: str, long_texts: bool = False) -> NDArray[Any]:
    """Return values as a plain NumPy array, rows by place; with ``long_texts`` text stays Python's own.

    A masked or null entry becomes NaN among numbers and None among others. Sparse matrices become dense.

    Raises
    ------
    TypeError : no array (a single text, a dict, a set, a generator, one number), or complex numbers.
    """
    if type(values) is not np.ndarray:
        values = _foreign(values, name)
    if values.ndim == 0:
        raise TypeError(f"{name} must be an array or list, got {_kind(values.item())}.")
    if values.dtype.kind in "OT":
        values = _narrowed(values, name, long_texts)
    if values.dtype.kind == "c":
        raise TypeError(f"{name} holds complex numbers ({values.dtype}); give real ones.")
    if values.dtype.kind in "VS":
        raise TypeError(f"{name} holds {values.dtype}, which is neither numbers nor text; give either.")
    return values


def missing_rows(values: LabelArray) -> BoolArray:
    """Return which of values (n,) are missing: NaN, NaT, None or a null of pandas."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=bool)
    return np.fromiter((_is_missing(value) for value in values.flat), bool, values.size).reshape(values.shape)


def tensor_or_mask(values: Any, *, name: str) -> Any:
    """Return values as they are, but a torch tensor as NumPy.

    For scikit-learn's own checks, which keep column names of tables but drop a mask without a word.

    Raises
    ------
    ValueError : entries are masked or None.
    """
    if isinstance(values, list | np.ndarray) or hasattr(values, "iloc"):
        column = np.asarray(values, dtype=object) if isinstance(values, list) else np.asarray(values)
        if column.ndim == 1 and column.dtype.kind == "O" and (gaps := missing_rows(column)).any():
            raise ValueError(f"{name} contains NaN or None in {gaps.sum()} rows; leave those rows out.")
    if hasattr(values, "detach") or isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(f"{name} holds masked entries; fill them or leave those rows out.")
        return plain_array(values, name=name)
    return values


def _foreign(values: Any, name: str) -> NDArray[Any]:
    """Return what is no plain NumPy array as one, of any type."""
    if values is None or isinstance(values, _NO_ORDER) or hasattr(values, "__next__"):
        raise TypeError(f"{name} must be an array or list with one entry per row, got {_kind(values)}.")
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        return _from_tensor(values, name)
    if isinstance(values, np.ma.MaskedArray):
        return _from_masked(values)
    if hasattr(values, "nnz") and hasattr(values, "toarray"):
        return np.asarray(values.toarray())
    if hasattr(values, "to_numpy"):
        return np.asarray(_from_table(values))
    if hasattr(values, "to_pandas"):
        return np.asarray(values.to_pandas().to_numpy())
    if isinstance(values, Sequence) and not isinstance(values, np.ndarray):
        return _from_sequence(values, name)
    return np.asarray(values)


def _from_tensor(tensor: Any, name: str) -> NDArray[Any]:
    if str(tensor.device) == "meta":
        raise TypeError(f"{name} is a tensor on the device 'meta', which holds no values; load it.")
    tensor = tensor.detach().cpu()
    if getattr(tensor, "is_sparse", False) or str(tensor.layout) != "torch.strided":
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and str(tensor.dtype) not in ("torch.float64", "torch.float32"):
        tensor = tensor.float()  # NumPy has no bfloat16
    return np.asarray(tensor.resolve_conj().resolve_neg().numpy())


def _from_masked(values: Any) -> NDArray[Any]:
    if not np.ma.is_masked(values):
        return np.asarray(values.data)
    whole = np.array(values.data, dtype=values.dtype if values.dtype.kind == "f" else object)
    whole[np.ma.getmaskarray(values)] = np.nan if values.dtype.kind == "f" else None
    return whole


def _from_table(values: Any) -> Any:
    # Whole numbers beside a gap would become floats, which large ones do not survive.
    if getattr(getattr(values, "dtype", None), "kind", "") in ("i", "u") and hasattr(values, "isna"):
        return values.to_numpy(dtype=object) if values.isna().any() else values.to_numpy()
    try:
        return values.to_numpy(
            zero_copy_only=False
        )  # a column of pyarrow copies only where it is told that it may
    except TypeError:
        return values.to_numpy()


def _from_sequence(values: Sequence[Any], name: str) -> NDArray[Any]:
    """Return a list as an array; entry by entry, since NumPy would make text of a NaN beside text."""
    parts = [
        value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
        for value in values
    ]
    if parts and all(hasattr(part, "__len__") and not isinstance(part, _NO_ORDER) for part in parts):
        rows = [plain_array(part, name=name) for part in parts]
        if len({row.shape for row in rows}) > 1:
            raise ValueError(
                f"{name} must have rows of one length, got {sorted({row.shape for row in rows})[:3]}."
            )
        return np.stack(rows)
    whole = np.empty(len(parts), dtype=object)
    for place, part in enumerate(parts):
        whole[place] = part
    return whole


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer)


def _narrowed(values: NDArray[Any], name: str, long_texts: bool) -> NDArray[Any]:
    """Return an array of Python objects as booleans, numbers or text where all entries are, else as it is."""
    values = values.astype(object, copy=False)
    gaps = missing_rows(values)
    present = values[~gaps]
    if any(isinstance(value, complex | np.complexfloating) for value in present.flat):
        raise TypeError(f"{name} holds complex numbers; give real ones.")
    kinds = {scalar_kind(value) for value in present.flat}
    if kinds == {"bool"} and not gaps.any():
        return values.astype(bool)
    if kinds and kinds <= {"bool", "number"} and (kinds != {"bool"}):
        whole = np.where(gaps, np.nan, values)
        if gaps.any() and any(_is_whole(value) and abs(value) >= _EXACT for value in present.flat):
            return values  # as floats, whole numbers that differ would become one
        return whole.astype(np.float64) if gaps.any() else np.array(values.tolist())
    if not kinds:
        return np.full(values.shape, np.nan)
    if kinds == {"text"} and not gaps.any() and not long_texts:
        return values.astype(np.str_)
    if "other" in kinds and (odd := [v for v in present.flat if hasattr(v, "__len__")]):
        raise ValueError(f"{name} must hold single values, got {_kind(odd[0])} in a row.")
    return values


def scalar_kind(value: Any) -> str:
    """Return what a single value is: bool, number, text or other."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | float | np.integer | np.floating):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # the null of pandas is neither equal to itself nor not
        return True
    except ValueError:  # an array among the values
        return False


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f"one text ({value[:20]!r})"
    return "None" if value is None else f"{type(value).__name__}"
