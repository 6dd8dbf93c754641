"""Columns whose whole numbers stand for names: `datasets.ClassLabel`, in memory, saved or in Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unsinter.cache.json_text import JsonTextError, parse_json


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one column."""

    names: tuple[str, ...]
    in_lists: bool = False
    """Whether a row holds a list of classes."""

    def decode(self, value: Any) -> Any:
        """Return the name of a number; None for null and -1.

        Raises
        ------
        ValueError : the number has no name.
        """
        if self.in_lists and isinstance(value, list | tuple):
            return [self._name(item) for item in value]
        return self._name(value)

    def _name(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        if value == -1:
            return None
        if value not in range(len(self.names)):
            raise ValueError(f"holds class {str(value)[:60]}, and the classes are {self.listed}")
        return self.names[int(value)]

    @property
    def listed(self) -> str:
        """The names in the order of their numbers."""
        shown = ", ".join(repr(name[:60]) for name in self.names[:50])
        more = f" and {len(self.names) - 50} more" if len(self.names) > 50 else ""
        return shown + more or "not named"


def class_columns(features: Mapping[str, Any]) -> dict[str, Classes]:
    """Return the columns that hold classes.

    ``features`` is what `datasets.Features.to_dict` gives, and what `datasets` writes into Parquet.
    """
    by_column = {column: _classes(feature) for column, feature in features.items()}
    return {column: classes for column, classes in by_column.items() if classes is not None}


def parquet_features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Return the features that `datasets` noted in a Parquet file's metadata; empty where it did not."""
    try:
        features = parse_json((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, JsonTextError):
        return {}
    return features if isinstance(features, dict) else {}


def _classes(feature: Any) -> Classes | None:
    if isinstance(feature, list):
        feature = {"_type": "List", "feature": feature[0]} if len(feature) == 1 else None
    if not isinstance(feature, Mapping):
        return None
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names") or ()
        is_listed = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        return Classes(tuple(names)) if is_listed else None
    if feature.get("_type") in ("Sequence", "List", "LargeList"):
        inner = _classes(feature.get("feature"))
        return None if inner is None or inner.in_lists else Classes(inner.names, in_lists=True)
    return None
