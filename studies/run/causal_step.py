"""The causal check of one model as a step of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from unsinter.studies.activations.model_reading import Reading
from unsinter.studies.causal.analysis import causal_table
from unsinter.studies.causal.inputs import CausalError, CausalInput, UntoldAnswersError
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Target
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.step_kinds import CAUSAL
from unsinter.studies.run.transfer_step import transfer_penalty
from unsinter.studies.store.step_store import Step, StepStore
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Targets of a model, and the layer, position and penalty that the training rows chose for each."""

    targets: Mapping[str, Target]
    facts: Mapping[str, Mapping[str, Any]]


def check_causes(
    outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    """Add the causal check to a model's outcome where the study asks for it; why it cannot be is noted.

    Raises
    ------
    CausalError : the section ``causal`` names what the model or the prompts do not have.
    """
    if study.causal is None:
        return
    if not {"D", "R"} & set(outcome.targets):
        outcome.not_caused = Reason("no-direction", model=outcome.name)
        return
    chosen = Chosen(
        targets={name: own.target for name, own in outcome.targets.items()},
        facts={name: step.facts for name, step in outcome.steps.items()},
    )
    try:
        inputs = causal_input(outcome.reading, study, dataset, settings, chosen=chosen)
        outcome.others["causal"] = causal_step(inputs, step_content(outcome.reading), store)
    except UntoldAnswersError as error:
        outcome.not_caused = error.reason


def causal_input(
    reading: Reading, study: Study, dataset: Dataset, settings: Settings, *, chosen: Chosen
) -> CausalInput:
    """Return what the check of a model is made of; a study without a section ``causal`` has its defaults.

    Raises
    ------
    CausalError : no model is loaded, neither D nor R was studied, or activations were not read where the
        check needs them.
    """
    options, targets, facts = study.causal or Causal(), chosen.targets, chosen.facts
    if reading.model is None:
        raise CausalError(
            f"{reading.name}: its activations were saved elsewhere and no model is loaded, so nothing can be "
            "changed while it reads."
        )
    if options.layer is not None and options.layer <= reading.model.n_layers:
        _check_extracted(reading, options)
    if "D" not in targets and "R" not in targets:
        raise CausalError(
            f"{reading.name}: neither D nor R was studied, so there is no direction to change; add them to "
            "targets."
        )
    first = facts.get("D") or next(iter(facts.values()))
    return CausalInput(
        name=reading.name,
        model=reading.model,
        rendered=reading.rendered,
        read=reading.activations,
        dataset=dataset,
        responses=reading.responses,
        is_present=reading.is_present,
        targets=targets,
        sites={name: (int(own["layer"]), str(own["position"])) for name, own in facts.items()},
        settings=options,
        bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
        min_groups=study.min_groups,
        penalty=transfer_penalty(study, first["penalty"]),
        progress=settings.progress,
    )


def _check_extracted(reading: Reading, options: Causal) -> None:
    layers, positions = reading.layers, reading.extraction.positions
    if options.layer not in layers or options.position not in (None, *positions):
        raise CausalError(
            f"{reading.name}: layer {options.layer} at {options.position!r} was not read; layers "
            f"{', '.join(map(str, layers))} at {', '.join(positions)} were."
        )


def causal_step(inputs: CausalInput, content: Mapping[str, Any], store: StepStore) -> Step:
    """Return the finished step of a model: as an earlier run left it, or made now.

    Parameters
    ----------
    content : identity of the model and keys of its rows.
    """
    dataset = inputs.dataset
    parts = {
        "content": dict(content),
        "causal": inputs.settings,
        "labels": [[name, target.labels, list(target.classes)] for name, target in inputs.targets.items()],
        "answers": [getattr(answer, "opening", None) for answer in inputs.responses],
        "kinds": inputs.kinds,
        "sites": {name: list(site) for name, site in inputs.sites.items()},
        "present": inputs.is_present,
        "split": dataset.split.digest,
        "groups": dataset.groups,
        "categories": dataset.categories,
        "harm": dataset.harm,
        "draws": inputs.bootstrap.n_draws,
        "seed": inputs.bootstrap.seed,
        "min_groups": inputs.min_groups,
        "penalty": inputs.penalty,
    }
    name, key = f"{inputs.name}-causal", CAUSAL.key(parts)
    return store.find(name, key) or store.keep(
        name, key, tables={CAUSAL.name: _whole(causal_table(inputs))}, facts={}
    )


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with counts as whole numbers that may be missing."""
    counts = ("layer", "n_prompts", "groups")
    return table.astype({name: pd.Int64Dtype() for name in counts if name in table})


def step_content(reading: Reading) -> dict[str, Any]:
    """Return what identifies a model's rows in the key of a step."""
    return {"identity": reading.identity, "rows": list(reading.extraction.keys)}
