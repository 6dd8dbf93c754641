"""One target of one model, start to finish: floors, probes at every site, controls, tuning, tables."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.export.probe_facts import weights_about
from unsinter.studies.probing.result_tables import ask, floor_table, prediction_table, result_table
from unsinter.studies.probing.target import (
    TargetInput,
    fit_target,
    make_floors,
    make_plan,
    permutation_p_values,
    site_weights,
)
from unsinter.studies.probing.types import SiteFit, chosen
from unsinter.studies.run.step_kinds import TARGET
from unsinter.studies.store.site_weights import write_weights
from unsinter.studies.store.step_store import Step, StepStore
from unsinter.studies.study.families import spaces_of_their_own
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings, StepCount
from unsinter.studies.tables.columns import TRIALS


def target_step(
    inputs: TargetInput, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> Step:
    """Return the finished step of a target: as an earlier run left it, or made now."""
    name = f"{inputs.model}-{inputs.target.name}"
    key = TARGET.key(_parts(inputs, study, dataset))
    if (kept := store.find(name, key)) is not None:
        return kept
    return _make(inputs, study, dataset, settings, partial(store.keep, name, key))


def _parts(inputs: TargetInput, study: Study, dataset: Dataset) -> dict[str, Any]:
    target, rows = inputs.target, inputs.rows
    return {
        "content": inputs.content,
        "target": [target.name, target.labels, list(target.classes)],
        "rows": [rows.train, rows.test, rows.inner],
        "sites": [list(site) for site in inputs.sites],
        "ids": dataset.ids,
        "groups": dataset.groups,
        "texts": np.array([prompt.whole_text for prompt in dataset.prompts], dtype=object),
        "cells": inputs.cells,
        "labels beside": [dataset.harm, dataset.topics],
        "answers": dict(inputs.answers),
        **({"ceiling": inputs.ceiling} if np.isfinite(inputs.ceiling) else {}),
        "family": study.family,
        "penalties": study.penalties,
        "weighting": study.weighting,
        "controls": study.controls,
        "tuning": study.tuning,
        "draws": study.bootstrap_draws,
        "seed": study.seed,
        **({} if inputs.places is None else {"prompts": inputs.places}),
        **({"own spaces": own} if (own := spaces_of_their_own(study.tuning.families)) else {}),
    }


def _make(
    inputs: TargetInput, study: Study, dataset: Dataset, settings: Settings, keep: Callable[..., Step]
) -> Step:
    question = ask(
        inputs.model,
        inputs.target,
        inputs.rows,
        ids=np.array([prompt.id for prompt in dataset.prompts], dtype=object),
        groups=dataset.groups,
        bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
    )
    floors = make_floors(inputs, study, dataset, progress=settings.progress)
    fits = fit_target(inputs, study, dataset, settings)
    tuned, trials = tune_target(inputs, study, dataset, settings)
    everything = [*fits, *([tuned] if tuned else [])]
    step = f"{inputs.model}: scores and intervals for {inputs.target.name}"
    count = StepCount(progress=settings.progress, step=step, total=1)
    p_values = permutation_p_values(question, everything, study)
    best = chosen(fits)
    tables = {
        "floors": floor_table(question, floors),
        "results": result_table(
            question, fits, floors, tuned=tuned, p_values=p_values, ceiling=inputs.ceiling
        ),
        "predictions": prediction_table(question, everything),
        "trials": trials,
    }
    count.end()
    return keep(
        tables=tables,
        facts={
            "layer": best.site[0],
            "position": best.site[1],
            "penalty": None if np.isnan(best.penalty) else best.penalty,
        },
        write_more=lambda folder: write_weights(
            folder / "weights.safetensors",
            [site_weights(fit, inputs.target) for fit in everything],
            about=weights_about(inputs.split_digest, inputs.content["identity"]),
        ),
    )


def tune_target(
    inputs: TargetInput, study: Study, dataset: Dataset, settings: Settings
) -> tuple[SiteFit | None, pd.DataFrame]:
    """Return the tuned probe and the trials behind it; None and no rows where the study asks for none."""
    if not study.tuning.trials:
        return None, pd.DataFrame(columns=list(TRIALS))
    from unsinter.studies.probing.tuning.places import TUNING_FOLDER
    from unsinter.studies.probing.tuning.storage import TrialStore
    from unsinter.studies.probing.tuning.tune import TrialWorkers, tune

    name = inputs.target.name
    tuned = tune(
        inputs.read,
        inputs.sites,
        plan=make_plan(inputs, study, dataset),
        tuning=study.tuning,
        store=TrialStore(
            name=f"{study.name}-{inputs.model}-{name}",
            folder=settings.folder / TUNING_FOLDER,
            storage=settings.storage,
            content=inputs.content,
        ),
        workers=TrialWorkers(
            n_jobs=settings.n_jobs,
            progress=lambda done, total: settings.progress(f"{inputs.model}: trials for {name}", done, total),
        ),
    )
    return tuned.fit, tuned.trials.assign(model=inputs.model, target=name)[list(TRIALS)]
