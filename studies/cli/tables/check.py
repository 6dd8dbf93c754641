"""A check report as plain tables: titles, headers and rows of text, for a terminal or a page."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from unsinter.studies.data.check import CheckReport
from unsinter.studies.data.group_counts import LabelledRow, count_groups
from unsinter.studies.study.built_in_targets import TOPIC
from unsinter.studies.study.cells import ANSWER_WORDS

Key = tuple[str, ...]
Table = tuple[str, Key, list[Key]]
"""(title, header, rows)"""

MOST = 60
"""Cells of one table that are listed; the smallest of a longer one are only counted."""


def check_tables(report: CheckReport) -> list[Table]:
    """Return every table of a report, in the order to print them; empty tables are left out."""
    worded = [row for row in report.responses if row.label("W") is not None]
    tables = [
        _files(report),
        _counts(
            "Prompts by source", ("source", "D"), report.prompts, lambda row: (row.source or "-", _d(row))
        ),
        _counts(
            "Prompts by category",
            ("category", "D"),
            report.prompts,
            lambda row: (row.label(TOPIC) or "-", _d(row)),
        ),
        *(
            _counts(f"Prompts by {name}", (name, "D"), report.prompts, partial(_own_and_harm, name))
            for name in report.own
        ),
        _counts(
            "Responses: D x R",
            ("model", "D", "R"),
            report.responses,
            lambda row: (
                row.model or "-",
                _d(row),
                ANSWER_WORDS.get(row.refusal or "", row.refusal or "unlabelled"),
            ),
        ),
        _counts(
            "Refusals: D x W",
            ("model", "D", "wording"),
            worded,
            lambda row: (row.model or "-", _d(row), row.label("W") or "-"),
        ),
        _counts(
            "Refusals of all models: C x W",
            ("category", "wording"),
            worded,
            lambda row: (row.label(TOPIC) or "-", row.label("W") or "-"),
        ),
        _missing(report),
        _associations(report),
        question_table(report),
    ]
    return [table for table in tables if table[2]]


def question_table(report: CheckReport) -> Table:
    """Return which questions the data can answer, one row each, and why."""
    rows: list[Key] = [
        (
            question.name,
            question.asks,
            question.model or "",
            "yes" if question.answerable else "cannot",
            question.reason,
        )
        for question in report.questions
    ]
    return "Which questions these data can answer", ("question", "asks", "model", "answer", "because"), rows


def _d(row: LabelledRow) -> str:
    return row.label("D") or "unknown"


def _own_and_harm(name: str, row: LabelledRow) -> Key:
    return row.label(name) or "-", _d(row)


def _files(report: CheckReport) -> Table:
    rows: list[Key] = [(name, kind, f"{count:,}") for name, kind, count in report.files]
    return "Files", ("file", "holds", "records"), rows


def _counts(title: str, header: Key, rows: Sequence[LabelledRow], key: Callable[[LabelledRow], Key]) -> Table:
    """Count records and independent groups per cell, cells in order."""
    records = Counter(key(row) for row in rows)
    groups = count_groups(rows, key)
    kept = sorted(cell for cell, _ in groups.most_common(MOST))
    cells: list[Key] = [(*cell, f"{records[cell]:,}", f"{groups[cell]:,}") for cell in kept]
    if rest := len(groups) - len(kept):
        cells.append((f"and {rest:,} smaller", *[""] * (len(header) + 1)))
    return title, (*header, "records", "groups"), cells


def _missing(report: CheckReport) -> Table:
    rows: list[Key] = [(name, f"{absent:,}", f"{total:,}") for name, absent, total in report.missing]
    return "Missing", ("what", "missing", "of"), rows


def _associations(report: CheckReport) -> Table:
    rows: list[Key] = [
        (
            association.pair,
            association.model or "",
            association.measure,
            "-" if association.value is None else f"{association.value:.2f}",
        )
        for association in report.associations
    ]
    return "Labels that go together", ("labels", "model", "measure", "value"), rows
