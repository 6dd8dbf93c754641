"""What `view` does: a finished run in, one page to explore it with out."""

from pathlib import Path

from unsinter.cache.location import expand_home
from unsinter.studies.explorer.page import MARK, make_explorer, read_kept_prompts, write_explorer
from unsinter.studies.report.evidence.run_data import ReportError, read_evidence
from unsinter.studies.store.additions import note_rewritten, page_place
from unsinter.studies.store.run_folder import EXPLORER
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import Progress, silent
from unsinter.studies.tables.read import open_run


def view_verb(run: Path, *, out: Path | None, progress: Progress = silent) -> Path:
    """Write the page of a finished run, from its tables alone, and return its path.

    Raises
    ------
    ReportError : no finished run, a damaged one, or one that holds nothing to explore.
    StudyError : another file stands where the page would, it would be among the run's sealed files, or it
        cannot be written.
    """
    run = expand_home(run)
    reader = open_run(run, error=ReportError)
    page = page_place(run / EXPLORER if out is None else expand_home(out), mark=MARK, example=EXPLORER)
    _refuse_inside(run, page)
    text = make_explorer(read_evidence(run), read_kept_prompts(reader), progress=progress)
    write_explorer(page, text)
    note_rewritten(run, [page])
    return page


def _refuse_inside(run: Path, page: Path) -> None:
    """Raise StudyError for a page that a later seal of the run's folder would make one of the run's files."""
    if page.resolve().is_relative_to(run.resolve()) and page.resolve() != (run / EXPLORER).resolve():
        raise StudyError(
            f"--out: {page} is in the run's folder, whose files are sealed; name one outside, or leave --out "
            f"away for {run / EXPLORER}."
        )
