"""Reasons in the columns of a table and in a run's summary, written and read back."""

import json
from collections.abc import Mapping
from typing import Any

from unsinter.studies.reasons.reason import Reason, as_written

REASON_DATA = ("reason_code", "reason_short", "reason_numbers")
"""The code; the words without any number; numbers and names as JSON."""

REASON_COLUMNS = ("reason", *REASON_DATA)
"""The words in full, and what they are made of."""


def reason_columns(reason: Reason) -> dict[str, str]:
    """Return what a row holds of its reason, by ``REASON_COLUMNS``."""
    data = reason.as_json()
    numbers = json.dumps(data["numbers"], ensure_ascii=False, allow_nan=False)
    return dict(zip(REASON_COLUMNS, (str(reason), reason.code, reason.short, numbers), strict=True))


def row_reason(row: Mapping[str, Any]) -> Reason:
    """Return the reason of a row.

    The words in ``reason`` rule: where the columns beside them are absent, as in earlier runs, or do not make
    these words, as in a table that was edited, the reason is its text alone.
    """
    text = str(row["reason"])
    try:
        numbers = json.loads(row["reason_numbers"])
        reason = Reason.from_json({"code": row["reason_code"], "numbers": numbers})
    except (KeyError, TypeError, ValueError, OverflowError):
        return as_written(text)
    return reason if str(reason) == text else as_written(text)


def summary_reason(text: Any, data: Any) -> Reason:
    """Return a reason of ``summary.json``: its words, and code and numbers where the summary has them."""
    try:
        reason = Reason.from_json(data)
    except ValueError:
        return as_written(str(text))
    return reason if str(reason) == str(text) else as_written(str(text))
