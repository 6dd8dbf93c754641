"""What `report` does: a finished run in, its page out."""

from collections.abc import Mapping
from pathlib import Path

from unsinter.cache.location import expand_home
from unsinter.studies.report import write_page
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.store.additions import note_rewritten


def report_verb(run: Path) -> tuple[Path, Mapping[str, str]]:
    """Write the report of a finished run again, from its tables alone.

    Returns
    -------
    Its path, and by name the figures that could not be drawn, with the reason.
    """
    run = expand_home(run)
    not_drawn = write_page(read_evidence(run))
    note_rewritten(run, [run / "report.html"])
    return run / "report.html", not_drawn
