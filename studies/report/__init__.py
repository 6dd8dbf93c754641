"""One page that says what a run asked, what came out, how sure that is and what it does not show."""

from unsinter.studies.report.evidence.run_data import ReportError
from unsinter.studies.report.write import write_page, write_report

__all__ = ["ReportError", "write_page", "write_report"]
