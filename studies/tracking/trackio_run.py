"""A run in Trackio: a local database, or the Space or server that its own environment variables name."""

import os
import shlex
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from unsinter.studies.tracking.tracker import Setting


class TrackioRun:
    """One run of a Trackio project; usage of the machine is not logged."""

    def __init__(self, *, project: str, run: str, settings: Mapping[str, Setting]) -> None:
        trackio: Any = import_module("trackio")

        config = dict(settings)
        self._run = trackio.init(
            project=project, name=run, config=config, embed=False, auto_log_cpu=False, auto_log_gpu=False
        )
        is_remote = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL")
        show = f"trackio show --project {shlex.quote(project)}"
        look = "" if is_remote else f" on this machine; look at it with: {show}"
        self.place = f"Trackio, project {project}{look}"

    def log(self, numbers: Mapping[str, float], *, layer: int | None = None) -> None:
        """Log numbers; those of a layer carry it as a number of their own, to be the axis."""
        self._run.log({**numbers, **({} if layer is None else {"layer": layer})})

    def note(self, texts: Mapping[str, Setting]) -> None:
        """Log facts in words as text."""
        self._run.log(dict(texts))

    def end(self, *, is_whole: bool) -> None:
        """Write what is still held back; Trackio knows no runs that are broken off, so that is a number."""
        self._run.log({"finished": int(is_whole)})
        self._run.finish()
        current = import_module("trackio").context_vars.current_run
        if current.get() is self._run:  # else it is ended again at exit, with a line that speaks of an upload
            current.set(None)
