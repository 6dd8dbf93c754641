"""Compare every table of two run folders: `python benchmarks/compare_runs.py BEFORE AFTER --out FILE`.

Columns that only one of them has are named; of the others, the largest difference of numbers, relative to the
column's largest number, and how many texts differ. Rows are compared in the order in which they stand.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def compare(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return what differs between two tables of one name."""
    shared = [name for name in before.columns if name in after.columns]
    result: dict[str, Any] = {
        "rows": [len(before), len(after)],
        "gone": sorted(set(before.columns) - set(after.columns)),
        "new": sorted(set(after.columns) - set(before.columns)),
        "equal_columns": 0,
        "numbers": {},
        "texts": {},
    }
    if len(before) != len(after):
        return result
    for name in shared:
        one, other = before[name], after[name]
        if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
            difference = relative_difference(one.to_numpy(np.float64), other.to_numpy(np.float64))
        else:
            difference = int(sum(repr(a) != repr(b) for a, b in zip(one, other, strict=True)))
        if not difference:
            result["equal_columns"] += 1
        else:
            result["texts" if isinstance(difference, int) else "numbers"][name] = difference
    return result


def relative_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference over the largest finite number; infinite where NaN and inf differ."""
    finite = np.isfinite(one) & np.isfinite(other)
    unlike = ~finite & ~((one == other) | (np.isnan(one) & np.isnan(other)))
    if unlike.any():
        return float("inf")
    if not finite.any():
        return 0.0
    largest = np.abs(one[finite]).max()
    return float(np.abs(one[finite] - other[finite]).max() / (largest or 1.0))


def main() -> None:
    """Compare two folders and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = sorted(
        {path.name for folder in (options.before, options.after) for path in folder.glob("*.parquet")}
    )
    tables: dict[str, Any] = {}
    for name in names:
        paths = [folder / name for folder in (options.before, options.after)]
        if not all(path.is_file() for path in paths):
            tables[name] = "in one of them only"
            continue
        tables[name] = compare(*(pd.read_parquet(path) for path in paths))
    text = json.dumps(tables, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
