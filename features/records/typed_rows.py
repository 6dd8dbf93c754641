"""Rows of Parquet and of Hugging Face `datasets`: values have types, and numbers may stand for names."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from unsinter.features.records.arrow_process import check_arrow_file
from unsinter.features.records.class_names import Classes, class_columns, parquet_features
from unsinter.features.records.parquet_rows import ParquetRows
from unsinter.features.records.record import RecordError

TypedMappings: TypeAlias = tuple[Iterable[Mapping[str, Any]], dict[str, Classes]]
"""Rows, and the columns in which numbers stand for names."""


def is_dataset(source: object) -> bool:
    """Tell a dataset of `datasets` without importing `datasets`, which is optional and slow."""
    module = sys.modules.get("datasets")
    return module is not None and isinstance(source, module.Dataset | module.IterableDataset)


def dataset_mappings(source: Any) -> TypedMappings:
    """Return the rows of a dataset in memory."""
    features = source.features
    classes = class_columns(features.to_dict()) if features is not None else {}
    # Without the format that a caller set: arrays and tensors are no values of a record.
    return source.with_format(None), classes


def parquet_mappings(path: Path) -> TypedMappings:
    """Return the rows of a Parquet file.

    Raises
    ------
    RecordError : as `ParquetRows`.
    """
    rows = ParquetRows(path)
    return rows, class_columns(parquet_features(rows.metadata))


def _files_of(folder: Path) -> list[Path]:
    """Return the Arrow files of a saved dataset; ValueError where it names one elsewhere."""
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    names = [str(file["filename"]) for file in state["_data_files"]]
    if other := next((name for name in names if Path(name).name != name), None):
        raise ValueError(f"it names a file that is not in it, {other[:80]!r}")
    return [folder / name for name in names]


def folder_mappings(path: Path) -> TypedMappings:
    """Return the rows of a folder that `datasets` wrote.

    Raises
    ------
    RecordError : it is none or is damaged.
    """
    marks = ("state.json", "dataset_dict.json")
    if not any((path / mark).is_file() for mark in marks):
        fault = "is a folder, but not one written by Dataset.save_to_disk; name a file in it"
        raise RecordError.at(path, fault)
    try:
        import datasets
    except ImportError as error:
        fault = (
            "is a saved dataset, which needs the `datasets` extra; run: pip install '.[datasets]' in "
            "unsinter's repository"
        )
        raise RecordError.at(path, fault) from error
    if (path / "dataset_dict.json").is_file():
        splits = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
        fault = f"holds the splits {', '.join(splits)}; name the folder of one of them"
        raise RecordError.at(path, fault)
    try:
        # A damaged one may end the library that reads it, and so it is gone through in another process first.
        for file in _files_of(path):
            check_arrow_file(file)
        return dataset_mappings(datasets.load_from_disk(str(path)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RecordError.at(path, f"is a damaged dataset folder ({reason}); save it again") from error
