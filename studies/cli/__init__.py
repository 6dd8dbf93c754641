"""The command line: arguments in, screen out; no number is made here."""

from unsinter.studies.cli.app import app

__all__ = ["app"]
