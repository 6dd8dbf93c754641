"""Old path of `unsinter.studies.study.file`, kept for code written before 0.2."""

from unsinter.studies.study.file import Study, StudyError, load_study, parse_study

__all__ = ["Study", "StudyError", "load_study", "parse_study"]
