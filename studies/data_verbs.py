"""What `check` and `label` do: files of records in, tables out; no model library is imported."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from unsinter.studies.check import check_data
from unsinter.studies.check_tables import check_tables
from unsinter.studies.config import StudyError

Table: TypeAlias = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""(title, header, rows)."""


def check_verb(
    data: Sequence[Path], *, responses: Path | None, prompts: Path | None, columns: str
) -> list[Table]:
    """Validate records and say what they hold and which questions they can answer."""
    report = check_data(
        data,
        prompts=[prompts] if prompts else [],
        responses=[responses] if responses else [],
        columns=parse_columns(columns),
    )
    return list(check_tables(report))


def parse_columns(text: str) -> dict[str, str]:
    """Read ``ours=theirs,ours=theirs``; StudyError for anything else."""
    columns = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        ours, equals, theirs = part.partition("=")
        if not (equals and ours and theirs):
            raise StudyError(f"--columns takes ours=theirs,ours=theirs; got {part!r}.")
        columns[ours.strip()] = theirs.strip()
    return columns
