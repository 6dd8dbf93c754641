"""How often labels are right, from people's labels: written by `label --gold`, taken by a study."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import UnsinterError, naming
from unsinter.cache.json_text import read_json
from unsinter.cache.location import expand_home
from unsinter.studies.study.cells import POSITIVE

if TYPE_CHECKING:  # every study file is read through here, and few are of label rates
    from unsinter.features.labelling.agreement import Agreement
    from unsinter.features.labelling.apply import LabelReport

SCHEMA_VERSION = 1
_LONGEST = 1_000_000
_POSITIVE, _NEGATIVE = POSITIVE["R"]


class LabelRatesError(UnsinterError, ValueError):
    """How often labels are right cannot be told, or not be read."""


def write_label_rates(report: "LabelReport", path: Path) -> None:
    """Write the rates of R as JSON: ``sure`` for a study, and the counts that they are made of.

    A rate is the share of right labels among rows that we label alike, (right + 1/2) / (rows + 1), so that
    few rows without an error are not taken for certainty. Rows that people or we call partial refusals
    stand in neither, as in a study.

    Raises
    ------
    LabelRatesError : no row has both a gold label and one of ours on either side of R, or the file cannot be
        written.
    """
    if report.overall is None:
        raise LabelRatesError("--rates needs gold labels to compare with; name their field with --gold.")
    counts = _counts(report.overall)
    for side, row in counts.items():
        if sum(row.values()) == 0:
            raise LabelRatesError(
                f"--rates: no row that we label {side} has a gold label of {_POSITIVE} or {_NEGATIVE}, so "
                "how often that label is right cannot be told; label more rows by hand."
            )
    content = {
        "schema_version": SCHEMA_VERSION,
        "judge": report.judge,
        "sure": {"R": [_right(counts, _NEGATIVE), _right(counts, _POSITIVE)]},
        "counts": {"R": counts},
        "models": {name: _counts(agreement) for name, agreement in report.by_model.items()},
    }
    with naming(path, LabelRatesError):
        make_folder(path.parent)
        sweep(path)
        write_atomically(path, [json.dumps(content, indent=1).encode() + b"\n"])


def read_label_rates(path: Path) -> dict[str, tuple[float, float]]:
    """Return target -> probability that an observed negative, and positive, label is right.

    Raises
    ------
    LabelRatesError : no such file, or a file of something else.
    """
    file = expand_home(path)
    try:
        content = read_json(file, most_bytes=_LONGEST)
    except OSError as error:
        raise LabelRatesError(
            f"{file} cannot be read ({error.strerror}); write it with `unsinter label --rates`"
        ) from error
    except ValueError as error:
        raise LabelRatesError(f"{file} {error}; write it with `unsinter label --rates`") from error
    version = content.get("schema_version") if isinstance(content, Mapping) else None
    if version != SCHEMA_VERSION or not isinstance(content.get("sure"), Mapping):
        raise LabelRatesError(
            f"{file} is no file of label rates of version {SCHEMA_VERSION}; write it with "
            "`unsinter label --rates`"
        )
    sure: dict[str, Any] = dict(content["sure"])
    return sure


def _counts(agreement: "Agreement") -> dict[str, dict[str, int]]:
    """Return our label -> gold label -> rows, of the two sides of R."""
    sides = (_POSITIVE, _NEGATIVE)
    return {
        ours: {gold: int(agreement.confusion.get(gold, {}).get(ours, 0)) for gold in sides} for ours in sides
    }


def _right(counts: Mapping[str, Mapping[str, int]], side: str) -> float:
    row = counts[side]
    return round((row[side] + 0.5) / (sum(row.values()) + 1), 4)
