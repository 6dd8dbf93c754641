"""One tuning study in a storage: which place of the budget is free, taken, finished."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from optuna import create_study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from unsinter.cache.places.namespaces import marked_host, named_process
from unsinter.studies.probing.tuning.space import FINISHED

PATIENCE = 60.0
"""Seconds after which a trial of another machine is taken over, or five times the longest trial if more."""

_PLACE, _WORKER, _SECONDS = "place", "worker", "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetClaim:
    """A place of the budget that this process works on."""

    place: int
    trial_id: int


@dataclass(slots=True)
class Ledger:
    """The budget's places in one study of a storage, shared with any other process that has it open.

    A trial belongs to one place, counted from 0. Trials of one place are the same wherever they are worked
    out, so that a place taken over from a process that seemed dead costs time but no result.
    """

    storage: BaseStorage
    study_id: int
    worker: str
    _seen: dict[int, float] = field(default_factory=dict)
    _own: set[int] = field(default_factory=set)

    @classmethod
    def open(cls, storage: BaseStorage, name: str) -> "Ledger":
        """Return the ledger of a study, which is made where the storage has none of this name."""
        create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
        return cls(storage, storage.get_study_id_from_name(name), _this_worker())

    def finished(self) -> dict[int, FrozenTrial]:
        """Return the finished trial of each place that has one."""
        return self._first(FINISHED)

    def claim(self, batch: Mapping[int, FrozenTrial], most: int) -> list[BudgetClaim]:
        """Take up to ``most`` places of a batch that nobody has finished or is at work on."""
        self._fail_the_dead(batch)
        taken = self._first((*FINISHED, TrialState.RUNNING))
        claims: list[BudgetClaim] = []
        for place, planned in batch.items():
            if place not in taken and len(claims) < most and (claim := self._take(place, planned)):
                claims.append(claim)
        return claims

    def tell(self, claim: BudgetClaim, values: Sequence[float], *, is_pruned: bool, seconds: float) -> None:
        """Finish a trial: ``values`` are the running means over its folds, the last its value."""
        with suppress(UpdateFinishedTrialError):  # taken over meanwhile: the other process tells the same
            self.storage.set_trial_user_attr(claim.trial_id, _SECONDS, seconds)
            for step, value in enumerate(values):
                self.storage.set_trial_intermediate_value(claim.trial_id, step, value)
            state = TrialState.PRUNED if is_pruned else TrialState.COMPLETE
            self.storage.set_trial_state_values(claim.trial_id, state, [values[-1]])

    def _take(self, place: int, planned: FrozenTrial) -> BudgetClaim | None:
        template = create_trial(
            state=TrialState.RUNNING,
            params=planned.params,
            distributions=planned.distributions,
            user_attrs={_PLACE: place, _WORKER: self.worker},
        )
        trial_id = self.storage.create_new_trial(self.study_id, template_trial=template)
        self._own.add(trial_id)
        # Two processes may have taken one place at once: the earlier trial has it.
        if self._first((*FINISHED, TrialState.RUNNING))[place]._trial_id == trial_id:
            return BudgetClaim(place=place, trial_id=trial_id)
        self._fail(trial_id)
        return None

    def _fail_the_dead(self, batch: Mapping[int, FrozenTrial]) -> None:
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        longest = max((seconds_of(trial) for trial in trials), default=0.0)
        for trial in trials:
            if trial.state is TrialState.RUNNING and trial.user_attrs.get(_PLACE) in batch:
                waited = time.monotonic() - self._seen.setdefault(trial._trial_id, time.monotonic())
                worker = trial.user_attrs[_WORKER]
                # One of this process that we did not claim is of an earlier call, which an error ended.
                if _is_dead(worker) or (
                    trial._trial_id not in self._own and waited > max(PATIENCE, 5 * longest)
                ):
                    self._fail(trial._trial_id)

    def _fail(self, trial_id: int) -> None:
        with suppress(UpdateFinishedTrialError):
            self.storage.set_trial_state_values(trial_id, TrialState.FAIL)

    def _first(self, states: tuple[TrialState, ...]) -> dict[int, FrozenTrial]:
        trials: dict[int, FrozenTrial] = {}
        for trial in self.storage.get_all_trials(self.study_id, deepcopy=False):
            if trial.state in states and _PLACE in trial.user_attrs:
                trials.setdefault(trial.user_attrs[_PLACE], trial)
        return dict(sorted(trials.items()))


def seconds_of(trial: FrozenTrial) -> float:
    """Return how long a finished trial took; 0 of one that is not."""
    return float(trial.user_attrs.get(_SECONDS, 0.0))


def _this_worker() -> str:
    return str(named_process(os.getpid()))


def _is_dead(worker: str) -> bool:
    """Whether a process that this one could see has ended; of other machines and containers none can say."""
    host, process, _ = worker.rsplit(" ", 2)
    return host == marked_host() and named_process(int(process)) != worker
