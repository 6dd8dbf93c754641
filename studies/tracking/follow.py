"""Following a run in a tracker: from its log while it goes on, from its tables when it has ended.

The run's numbers and files do not depend on it: what the run wrote is read, and a tracker that fails is named
in one line and left.
"""

import io
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unsinter.cache.location import expand_home
from unsinter.studies.report.evidence.run_data import RunEvidence, read_evidence
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import Progress
from unsinter.studies.tracking.opening import check_tracker, open_tracker
from unsinter.studies.tracking.run_facts import (
    chosen_scores,
    layer_scores,
    run_counts,
    run_identity,
    study_settings,
    verdict_facts,
)
from unsinter.studies.tracking.tracker import Tracker

logger = logging.getLogger(__name__)

LOG = "log.jsonl"
_SHOWN = 200


@dataclass(slots=True, kw_only=True)
class Follower:
    """Tells one tracker of one run.

    Attributes
    ----------
    name : of the tracker.
    folder : of the run.
    study : the resolved study, as plain values.
    place : where the tracker keeps the run, in words; empty until it has begun.
    failure : what went wrong in the tracker; after that it is told nothing more.
    """

    name: str
    folder: Path
    study: Mapping[str, Any]
    place: str = ""
    failure: BaseException | None = None
    _tracker: Tracker | None = field(default=None, init=False)
    _read: int = field(default=0, init=False)
    _steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._read = self._log_size()

    def progress(self, inner: Progress) -> Progress:
        """Return ``inner`` that also tells the tracker of the steps which the run's log says have ended."""

        def report(step: str, done: int, total: int) -> None:
            inner(step, done, total)
            if done >= total:
                self._safely(self._tell_steps)

        return report

    def tell_results(self) -> None:
        """Tell the tracker what the finished run holds, and end."""
        self._safely(self._tell_steps)
        if not self._steps:  # a run that was only read: its log is of the process that made it
            self._read = 0
            self._safely(self._tell_steps)
        self._safely(lambda: self._tell_tables(read_evidence(self.folder)))
        self._safely(lambda: self._end(is_whole=True))

    def break_off(self) -> None:
        """End a run that failed or was stopped, where the tracker has begun one."""
        if self._tracker is not None:
            self._safely(lambda: self._end(is_whole=False))

    def _safely(self, tell: Callable[[], None]) -> None:
        """Let a tracker fail without the run: what it prints is dropped, what it raises ends it alone."""
        if self.failure is not None:
            return
        try:
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tell()
        except (Exception, SystemExit) as error:  # packages of others raise every kind
            self.failure = error
            words = fault_in_words(error)
            logger.warning("--track %s failed (%s); the run itself is not touched by it.", self.name, words)

    def _opened(self) -> Tracker:
        if self._tracker is None:
            project = f"unsinter-{self.study['name']}"
            settings = study_settings(self.study)
            self._tracker = open_tracker(self.name, project=project, run=self.folder.name, settings=settings)
            self.place = self._tracker.place
        return self._tracker

    def _end(self, *, is_whole: bool) -> None:
        self._opened().end(is_whole=is_whole)
        self._tracker = None

    def _tell_steps(self) -> None:
        for line in self._new_lines():
            if line.get("event") == "step done":
                self._steps += 1
                self._opened().log({f"seconds/{line['step']}": float(line["seconds"])})

    def _new_lines(self) -> Iterator[Mapping[str, Any]]:
        """Yield the whole lines that the log has gained."""
        try:
            with (self.folder / LOG).open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for text in whole.splitlines():
            line = json.loads(text)
            if isinstance(line, dict):
                yield line

    def _log_size(self) -> int:
        try:
            return (self.folder / LOG).stat().st_size
        except OSError:
            return 0

    def _tell_tables(self, evidence: RunEvidence) -> None:
        tracker = self._opened()
        tracker.note(run_identity(evidence.summary))
        tracker.log(run_counts(evidence.summary))
        results = evidence["results"]
        for layer, numbers in layer_scores(results):
            tracker.log(numbers, layer=layer)
        for numbers, words in chosen_scores(results):
            if numbers:
                tracker.log(numbers)
            tracker.note(words)
        counts, verdicts = verdict_facts(evidence)
        if counts:
            tracker.log(counts)
            tracker.note(verdicts)


@contextmanager
def following(name: str, folder: Path, study: Mapping[str, Any]) -> Iterator[Follower]:
    """Follow the run that the block makes in ``folder``; when it ends well its results are told.

    Raises
    ------
    StudyError : no such tracker, or its extra is not installed; before the block begins.
    """
    check_tracker(name, folder)
    follower = Follower(name=name, folder=folder, study=study)
    try:
        yield follower
    except BaseException:
        follower.break_off()
        raise
    follower.tell_results()


def track_run(folder: Path | str, tracker: str) -> str:
    """Tell a tracker (``trackio``, ``mlflow`` or ``wandb``) of a finished run; return where it keeps it.

    Told are settings, seconds per step, scores beside their floors and controls, and verdicts; no prompt and
    no answer. The run's folder is only read. W&B stays offline unless ``WANDB_MODE`` says otherwise.

    Raises
    ------
    StudyError : no such tracker, its extra is not installed, or it failed.
    ReportError : the folder holds no finished run.

    Examples
    --------
    >>> track_run("runs/mine", "mlflow")  # doctest: +SKIP
    """
    path = expand_home(folder)
    check_tracker(tracker, path)
    study = read_evidence(path).study
    follower = Follower(name=tracker, folder=path, study=study)
    follower.tell_results()
    if follower.failure is not None:
        raise StudyError(
            f"{tracker} does not take the run of {path} ({fault_in_words(follower.failure)})."
        ) from None
    return follower.place


_SECRET = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET)$")


def fault_in_words(error: BaseException) -> str:
    """Return what a tracker raised in one line, without passwords and secrets of the environment."""
    # Cut at the end: of an address that was cut before, half a password would have no @ behind it.
    text = re.sub(r"//\S+", _bare_address, " ".join(str(error).split()))
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) > 3:
            text = text.replace(value, f"({name})")
    return f"{type(error).__name__}: {text[:_SHOWN]}"


def _bare_address(address: re.Match[str]) -> str:
    """Return an address in a text without login and query; a password may hold any sign but a blank."""
    login, at, place = address[0].rpartition("@")
    if "?" in login:  # of the password, or of a query that holds the @
        return "//***"
    return ("//" if at else "") + place.partition("?")[0]
