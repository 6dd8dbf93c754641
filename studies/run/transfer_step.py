"""Comparisons as steps of a run: transfer and held-out values within a model, probes across models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.probes.relu_layers import relu_scores
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import Site
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.step_kinds import CROSS_MODEL, HELD_OUT, TRANSFER
from unsinter.studies.store.site_weights import read_weights
from unsinter.studies.store.step_store import Step, StepKind, StepStore
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Progress, Settings, StepCount, parts_counted, silent
from unsinter.studies.transfer import (
    HoldOutSettings,
    Kind,
    MatrixSettings,
    ModelSide,
    ModelSites,
    SplitPrompts,
    Wordings,
    cross_model_table,
    held_out_tables,
    transfer_tables,
)
from unsinter.studies.transfer.fits import FAMILY

_OTHER_PENALTY = 1e-2
"""Penalty of transfer probes where the study's own family has none; LogisticProbe's default."""


def compare_within(
    outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    """Add the transfer matrices and the held-out sources and categories of one model to its outcome.

    Both are those of D, and of each target of two classes that is the study's own.
    """
    own = [
        target.name
        for target in study.own_targets
        if target.name in outcome.steps and outcome.targets[target.name].target.is_binary
    ]
    for name in (name for name in ("D", *own) if name in outcome.steps):
        _add_matrices(name, outcome, study, dataset, settings, store)
        if study.hold_out:
            _hold_out(name, outcome, study, dataset, settings, store)


def _add_matrices(
    name: str, outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    """Add a target's matrices as the step ``transfer`` (D), or ``transfer-NAME``."""
    is_own, kinds = name != "D", _kinds(study)
    if not kinds:
        return
    facts, inputs = outcome.steps[name].facts, outcome.targets[name]
    best: Site = (facts["layer"], facts["position"])
    penalty = transfer_penalty(study, facts["penalty"])
    wordings, answered = _wordings(outcome)
    parts = comparison_parts(outcome, study, dataset) | {
        "kinds": study.transfer,
        "best": list(best),
        "penalty": penalty,
        "wordings": wordings,
    }
    parts |= _own_parts(name, outcome)
    step = f"transfer-{name}" if is_own else "transfer"
    matrices = MatrixSettings(
        best=best,
        penalty=penalty,
        min_groups=study.min_groups,
        kinds=kinds,
        target=inputs.target if is_own else None,
    )
    outcome.others[step] = _step(
        store,
        TRANSFER,
        f"{outcome.name}-{step}",
        parts,
        lambda: transfer_tables(
            _model_sites(name, outcome, dataset, settings),
            matrices,
            wordings=Wordings(labels=wordings, answered=answered),
            bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
        ),
    )


def transfer_penalty(study: Study, chosen: float | None) -> float:
    """Return the penalty of transfer probes: the one chosen for the target, where its family has one."""
    return _OTHER_PENALTY if chosen is None or study.family != FAMILY.name else chosen


def _model_sites(name: str, outcome: ModelOutcome, dataset: Dataset, settings: Settings) -> ModelSites:
    inputs = outcome.targets[name]
    return ModelSites(
        model=outcome.name,
        read=inputs.read,
        sites=inputs.sites,
        dataset=dataset,
        present=np.flatnonzero(outcome.reading.is_present),
        progress=settings.progress,
        n_jobs=settings.n_jobs,
    )


def _own_parts(name: str, outcome: ModelOutcome) -> dict[str, Any]:
    """Return what else the comparisons of a target of the study's own are made of."""
    target = outcome.targets[name].target
    return {} if name == "D" else {"target": [target.labels, list(target.classes)], "with": "wordings"}


def _hold_out(
    name: str, outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    parts = comparison_parts(outcome, study, dataset) | _own_parts(name, outcome)
    own = "" if name == "D" else f"-{name}"
    outcome.others[f"held_out{own}"] = _step(
        store,
        HELD_OUT,
        f"{outcome.name}-held-out{own}",
        parts | {"hold_out": study.hold_out, "penalties": study.penalties, "inner": study.inner_folds},
        lambda: held_out_tables(
            _model_sites(name, outcome, dataset, settings),
            HoldOutSettings(
                penalties=study.penalties,
                inner_folds=study.inner_folds,
                min_groups=study.min_groups,
                kinds=study.hold_out,
                target=outcome.targets[name].target if own else None,
            ),
            bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
        ),
    )


def compare_models(
    outcomes: Sequence[ModelOutcome],
    study: Study,
    dataset: Dataset,
    store: StepStore,
    *,
    progress: Progress = silent,
) -> Step | None:
    """Return the step of probes read across models; None where fewer than two models share a target."""
    shared = {name for name in study.target_names if sum(name in o.steps for o in outcomes) > 1}
    if not shared:
        return None
    pairs = [(o, name) for o in outcomes for name in o.steps if name in shared]
    parts = {
        "sides": [[o.name, o.targets[name].content, name, dict(o.steps[name].facts)] for o, name in pairs],
        "labels": [o.targets[name].target.labels for o, name in pairs],
        "split": dataset.split.digest,
        "groups": dataset.groups,
        "draws": study.bootstrap_draws,
        "inner": study.inner_folds,
        "seed": study.seed,
    }
    return _step(
        store,
        CROSS_MODEL,
        "cross-model",
        parts,
        lambda: _crossed(pairs, study, dataset, progress),
    )


def _crossed(
    pairs: Sequence[tuple[ModelOutcome, str]], study: Study, dataset: Dataset, progress: Progress
) -> pd.DataFrame:
    n_maps = sum(o.name != other.name and name == its for o, name in pairs for other, its in pairs)
    count = StepCount(progress=progress, step="probes across models", total=n_maps)
    with parts_counted(count.one):
        table = cross_model_table(
            [_side(o, name) for o, name in pairs],
            SplitPrompts(ids=dataset.ids, groups=dataset.groups, is_test=dataset.is_test),
            bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
            inner_folds=study.inner_folds,
        )
    count.end()
    return table


def _side(outcome: ModelOutcome, name: str) -> ModelSide:
    inputs, step = outcome.targets[name], outcome.steps[name]
    site: Site = (step.facts["layer"], step.facts["position"])
    weights = read_weights(step.folder / "weights.safetensors", layer=site[0], position=site[1])

    def probe(X: FloatArray) -> FloatArray:
        return relu_scores(X, weights.layers)

    return ModelSide(
        model=outcome.name,
        target=inputs.target,
        site=site,
        X=inputs.read(*site),
        probe=probe,
        is_present=outcome.reading.is_present,
    )


def _wordings(outcome: ModelOutcome) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Return the wording of each refusal (n_prompts,), empty elsewhere, and which prompts were answered."""
    responses = outcome.reading.responses
    refused = [r is not None and r.refusal == "refusal" for r in responses]
    wordings = [(r.wording or "") if r and was else "" for r, was in zip(responses, refused, strict=True)]
    answered = [r is not None and r.refusal == "compliance" for r in responses]
    return np.array(wordings, dtype=np.str_), np.array(answered, dtype=bool)


def _kinds(study: Study) -> tuple[Kind, ...]:
    return (*study.transfer, "category_held_out") if "category" in study.transfer else study.transfer


def comparison_parts(outcome: ModelOutcome, study: Study, dataset: Dataset) -> dict[str, Any]:
    """Return what every comparison within a model is made of."""
    return {
        "content": {"identity": outcome.identity, "rows": list(outcome.reading.extraction.keys)},
        "sites": [[layer, position] for position in study.positions for layer in outcome.reading.layers],
        "present": outcome.reading.is_present,
        "split": dataset.split.digest,
        "groups": dataset.groups,
        "harm": dataset.harm,
        "categories": dataset.categories,
        "sources": dataset.sources,
        "texts": np.array([prompt.whole_text for prompt in dataset.prompts], dtype=object),
        "answered": _wordings(outcome)[1],
        "draws": study.bootstrap_draws,
        "min_groups": study.min_groups,
        "seed": study.seed,
    }


def _step(
    store: StepStore, kind: StepKind, name: str, parts: Mapping[str, Any], make: Callable[[], pd.DataFrame]
) -> Step:
    """Return a step that leaves one table, named as its kind: as an earlier run left it, or made now."""
    key = kind.key(parts)
    return store.find(name, key) or store.keep(name, key, tables={kind.name: make()}, facts={})
