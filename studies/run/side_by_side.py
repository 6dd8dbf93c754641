"""The models of a study, one after another or in processes beside each other.

A process beside leaves its steps, answers and activations where this one would. This one then goes through
every model itself and finds them there, so that a process that ends early costs time and no result.
"""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from joblib import effective_n_jobs
from joblib.externals.loky import wait
from joblib.externals.loky.process_executor import ProcessPoolExecutor

from unsinter.cache.errors import UnsinterError, one_line
from unsinter.features.model.folder import local_snapshot
from unsinter.features.model.memory import estimate_memory
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.machine.free_memory import free_memory
from unsinter.studies.run.across_categories_step import answer_across
from unsinter.studies.run.causal_step import check_causes
from unsinter.studies.run.child_process import KeptRecords, deaf_to_interrupts, end_with_parent
from unsinter.studies.run.model import ModelOutcome, study_model
from unsinter.studies.run.separation_step import separate_factors
from unsinter.studies.run.token_scores_step import read_shown_prompts
from unsinter.studies.run.transfer_step import compare_within
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.step_log import StepLog
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings, nothing, silent
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.workers.spread import active_workers

_SHARE_OF_MEMORY = 0.5
"""Of the memory that is free, what models beside each other may take; the rest is for what comes of them."""

_EVERY = 1.0
"""Seconds between two looks at whether a process has ended."""


def study_models(study: Study, dataset: Dataset, settings: Settings, folder: RunFolder) -> list[ModelOutcome]:
    """Return what came out for each model, in the study's order.

    With two jobs or more as many models are studied at once as fit; see ``models_at_once``.
    """
    store = StepStore(folder=settings.folder / "steps")
    n_at_once = models_at_once(study.models, settings.n_jobs)
    if n_at_once < 2:
        return [study_whole(study, source, dataset, settings, store) for source in study.models]
    n_jobs = max(1, effective_n_jobs(settings.n_jobs) // n_at_once)
    with Beside(study, dataset, replace(settings, n_jobs=n_jobs), folder, n_at_once) as beside:
        own = replace(settings, n_jobs=n_jobs, on_read=beside.started_after(settings.on_read))
        outcomes = {
            place: study_whole(study, study.models[place], dataset, own, store)
            for place in range(0, len(study.models), n_at_once)
        }
        facts = beside.finish(settings.progress)
    for place, source in enumerate(study.models):
        if place not in outcomes:
            quiet = replace(settings, progress=silent) if place in facts else settings
            outcomes[place] = study_whole(study, source, dataset, quiet, store)
            outcomes[place].extraction = facts.get(place, outcomes[place].extraction)
    return [outcomes[place] for place in range(len(study.models))]


def study_whole(
    study: Study, source: ModelSource, dataset: Dataset, settings: Settings, store: StepStore
) -> ModelOutcome:
    """Return everything that one model adds to a run, each step as it was left or made now."""
    outcome = study_model(study, source, dataset, settings, store)
    compare_within(outcome, study, dataset, settings, store)
    separate_factors(outcome, study, dataset, settings, store)
    answer_across(outcome, study, dataset, settings, store)
    check_causes(outcome, study, dataset, settings, store)
    read_shown_prompts(outcome, source, study, dataset, settings, store)
    return outcome


def models_at_once(sources: Sequence[ModelSource], n_jobs: int) -> int:
    """Return how many models are studied at a time: as many as there are jobs, where all fit into memory.

    One where a graphics card would hold them, since that one is shared.
    """
    wanted = min(effective_n_jobs(n_jobs), len(sources))
    read_here = [source for source in sources if source.activations is None]
    if not active_workers().is_local:
        return 1  # those of a cluster take each model in turn
    if wanted < 2 or not read_here:
        return wanted
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return 1
    try:
        needs = [estimate_memory(_files_of(source), dtype=source.dtype).total for source in read_here]
    except (UnsinterError, OSError):
        return 1  # said by the one that reads this model, in its turn
    largest = sorted(needs)[-wanted:]
    return wanted if sum(largest) <= _SHARE_OF_MEMORY * free_memory() else 1


def _files_of(source: ModelSource) -> str:
    """Return the folder of a model's files; of one of the Hub that was not fetched yet, its id."""
    path = find_model(source)
    return path if Path(path).is_dir() else local_snapshot(path, source.revision) or path


@dataclass(slots=True)
class Beside(AbstractContextManager["Beside"]):
    """Processes that study the models that are not this one's, from when the first model could be read.

    They end with the block, whether they are done or not.
    """

    study: Study
    dataset: Dataset
    settings: Settings
    folder: RunFolder
    n_at_once: int
    pool: ProcessPoolExecutor | None = None
    calls: list[Any] = field(default_factory=list)
    threads: int = field(default_factory=torch.get_num_threads)

    def started_after(self, first: Callable[[], None]) -> Callable[[], None]:
        """Return a call that does ``first`` and starts the processes, these once."""

        def start() -> None:
            first()
            if self.pool is None:
                self._start()

        return start

    def _start(self) -> None:
        threads = {"OMP_NUM_THREADS": str(self._threads_each)}
        quiet = replace(self.settings, progress=silent, on_read=nothing)
        self.pool = ProcessPoolExecutor(max_workers=self.n_at_once - 1, env=threads)
        with deaf_to_interrupts():
            for first in range(1, self.n_at_once):
                places = range(first, len(self.study.models), self.n_at_once)
                call = self.pool.submit(
                    study_ahead, self.study, list(places), self.dataset, quiet, folder=self.folder
                )
                self.calls.append(call)

    def finish(self, progress: Callable[[str, int, int], None]) -> dict[int, Any]:
        """Wait for the processes, and return how the extraction of each of their models went, by its place.

        One that failed is left out, and logged: its models are studied here, which says what is wrong.
        """
        step, n = "models in processes of their own", len(self.calls)
        while (done := sum(call.done() for call in self.calls)) < n:
            progress(step, done, n)
            wait(self.calls, timeout=_EVERY)
        if n:
            progress(step, n, n)
        facts: dict[int, Any] = {}
        for call in self.calls:
            if (error := call.exception()) is None:
                ahead = call.result()
                facts |= ahead.facts
                for name, level, message in ahead.messages:
                    logging.getLogger(name).log(level, "%s", message)
            else:
                self.folder.log("a process beside ended early", because=one_line(error))
        return facts

    @property
    def _threads_each(self) -> int:
        """Threads of each process: as the user set them, else a share. Sums are rounded by their number."""
        is_set = "OMP_NUM_THREADS" in os.environ
        return self.threads if is_set else max(1, self.threads // self.n_at_once)

    def __enter__(self) -> Self:
        torch.set_num_threads(self._threads_each)  # more threads than cores are many times slower than one
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.set_num_threads(self.threads)
        if self.pool is not None:
            self.pool.shutdown(wait=True, kill_workers=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What a process beside gives back.

    Attributes
    ----------
    facts : place of a model -> how its extraction went.
    messages : logger, level and words of what there was to be told, which this process tells in its own way.
    """

    facts: dict[int, Any]
    messages: list[tuple[str, int, str]]


def study_ahead(
    study: Study, places: Sequence[int], dataset: Dataset, settings: Settings, *, folder: RunFolder
) -> Ahead:
    """Study models, by their places, and leave their steps in the store."""
    end_with_parent()
    kept = KeptRecords()
    logging.getLogger("unsinter").addHandler(kept)
    timed = replace(settings, progress=StepLog(log=folder.log, is_open=True).follow(silent))
    store = StepStore(folder=settings.folder / "steps")
    facts = {
        place: study_whole(study, study.models[place], dataset, timed, store).extraction for place in places
    }
    return Ahead(facts=facts, messages=kept.messages)
