"""What `report` does: a finished run in, its page out."""

from pathlib import Path

from unsinter.cache.location import expand_home
from unsinter.studies.report import write_report


def report_verb(run: Path) -> Path:
    """Write the report of a finished run again, from its tables alone, and return its path."""
    return write_report(expand_home(run))
