"""What tuning may try, and which trials come next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from unsinter.probes.arrays import LabelArray
from unsinter.probes.families.family import Choice, Conditions, Family, Options
from unsinter.probes.families.registry import family_of
from unsinter.studies.data.sites import Site
from unsinter.studies.study.sections import Tuning

_DRAWS = 20
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One trial's choices.

    Attributes
    ----------
    reduction : principal components read; 0 for all units.
    choices : of the family's own space; empty for one without.
    """

    family: Family
    site: Site
    reduction: int
    choices: Mapping[str, Any]

    def conditions(self, *, groups: LabelArray, seed: int) -> Conditions:
        """Return what its fits depend on beside activations and tasks."""
        return Conditions(groups=groups, seed=seed, components=self.reduction, choices=self.choices)

    def as_json(self) -> str:
        """Return what was tried beside family and site."""
        return json.dumps({"reduction": self.reduction, **self.choices}, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Every choice there is.

    Attributes
    ----------
    layers : position -> its layers, rising.
    reductions : those of the study that the rows and units allow.
    """

    layers: Mapping[str, Sequence[int]]
    reductions: Sequence[int]
    tuning: Tuning

    def suggest(self, trial: optuna.Trial) -> None:
        """Draw every choice that the ones before it leave open."""
        family = trial.suggest_categorical("family", self.tuning.families)
        position = trial.suggest_categorical("position", tuple(self.layers))
        # By rank, not by name: neighbouring layers read alike, which a sampler can use.
        trial.suggest_int("layer_rank", 0, len(self.layers[position]) - 1)
        trial.suggest_categorical("reduction", tuple(self.reductions))
        for choice in family_of(family).space:
            _draw(trial, choice, self.tuning)

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """Return the choices that a trial's parameters stand for."""
        position = params["position"]
        family = family_of(params["family"])
        return Candidate(
            family=family,
            site=(self.layers[position][params["layer_rank"]], position),
            reduction=params["reduction"],
            choices={choice.name: params[choice.name] for choice in family.space},
        )


def _draw(trial: optuna.Trial, choice: Choice, tuning: Tuning) -> None:
    """Draw a choice of a family: from the study's own values where it has a field for them."""
    own = getattr(tuning, choice.setting) if choice.setting else None
    if isinstance(choice, Options):
        trial.suggest_categorical(choice.name, choice.values if own is None else own)
    else:
        low, high = (choice.low, choice.high) if own is None else own
        trial.suggest_float(choice.name, low, high, log=choice.is_log)


def make_space(sites: Sequence[Site], tuning: Tuning, *, n_rows: int, d_model: int) -> SearchSpace:
    """Return the space over ``sites``; ``n_rows`` are those of the smallest fit."""
    positions = dict.fromkeys(position for _, position in sites)
    reductions = [n for n in dict.fromkeys(tuning.reductions) if n < min(n_rows, d_model)]
    return SearchSpace(
        layers={p: sorted({layer for layer, position in sites if position == p}) for p in positions},
        reductions=reductions or [0],
        tuning=tuning,
    )


def next_batch(space: SearchSpace, finished: Sequence[FrozenTrial], *, seed: int) -> list[FrozenTrial]:
    """Return the trials after ``finished``, one batch, from nothing but those and the seed.

    They are drawn in a study of their own in memory (Tree-structured Parzen estimator, Bergstra et al. 2011),
    so that what else a storage holds, half-done trials of a killed process say, has no part in them.
    """
    state = np.random.SeedSequence([seed, len(finished)]).generate_state(1)
    study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=int(state[0])))
    study.add_trials(
        [
            create_trial(
                state=trial.state,
                value=trial.value,
                params=trial.params,
                distributions=trial.distributions,
                intermediate_values=trial.intermediate_values,
            )
            for trial in finished
        ]
    )
    known = [space.candidate(trial.params) for trial in finished]
    numbers: list[int] = []
    for _ in range(space.tuning.batch):
        numbers.append(_ask_new(study, space, known))
        known.append(space.candidate(study.trials[numbers[-1]].params))
    return [study.trials[number] for number in numbers]


def _ask_new(study: optuna.Study, space: SearchSpace, known: Sequence[Candidate]) -> int:
    """Return the number of a trial of something not yet tried, as far as twenty draws find it."""
    for _ in range(_DRAWS - 1):
        trial = study.ask()
        space.suggest(trial)
        if space.candidate(trial.params) not in known:
            return trial.number
        study.tell(trial, state=TrialState.FAIL)
    trial = study.ask()
    space.suggest(trial)
    return trial.number


def pruning_bars(finished: Sequence[FrozenTrial], *, n_folds: int, n_least: int = 5) -> list[float]:
    """Return the mean score below which a trial stops, by fold (n_folds,); minus infinity where none.

    The rule is the median rule (Golovin et al. 2017) as Optuna has it: the best of a trial's running means
    against the median of the complete trials', from ``n_least`` of them on.
    """
    complete = [trial for trial in finished if trial.state is TrialState.COMPLETE]
    if len(complete) < n_least:
        return [float("-inf")] * n_folds
    medians = [
        float(np.median([trial.intermediate_values[step] for trial in complete]))
        for step in range(n_folds - 1)
    ]
    return [
        *medians,
        float("-inf"),
    ]  # after its last fold a trial is complete: stopping it would save nothing
