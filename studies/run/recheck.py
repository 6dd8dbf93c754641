"""The causal check of a finished run: model, prompts and answers are read as the run read them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from unsinter.studies.activations.model_reading import Reading, read_model
from unsinter.studies.causal.contrasts import BESIDE
from unsinter.studies.causal.inputs import CausalError
from unsinter.studies.data.dataset import Dataset, make_dataset
from unsinter.studies.data.load import study_prompts
from unsinter.studies.data.targets import make_target
from unsinter.studies.run.causal_step import Chosen, causal_input, causal_step, step_content
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.read import RunReader

_AGAIN = "run the study again, then check its causes"


def causes_of_run(
    reader: RunReader, summary: Mapping[str, Any], study: Study, settings: Settings, *, model: str | None
) -> pd.DataFrame:
    """Return the rows of ``causal.parquet`` of a finished run's models, or of the one that is named.

    Raises
    ------
    CausalError : no such model, no answers, or prompts, model or labels that are not those of the run.
    """
    names = [source.name for source in study.models]
    if model is not None and model not in names:
        raise CausalError(f"{reader.folder} holds no model {model!r}; it holds {', '.join(names)}.")
    if study.responses is None:
        raise CausalError(
            f"{reader.folder}: the run has no answers, so it is not known how its model begins to refuse; "
            "add a section 'responses' to the study and run it again."
        )
    dataset = make_dataset(study_prompts(study), study)
    if dataset.split.digest != summary.get("split_digest"):
        raise CausalError(
            f"{reader.folder}: the prompts are not those of the run, whose split was another; {_AGAIN}."
        )
    tables = [
        _table(source, study, dataset, settings, reader=reader, known=summary["models"][source.name])
        for source in study.models
        if model in (None, source.name)
    ]
    return pd.concat(tables, ignore_index=True)


def _table(
    source: ModelSource,
    study: Study,
    dataset: Dataset,
    settings: Settings,
    *,
    reader: RunReader,
    known: Mapping[str, Any],
) -> pd.DataFrame:
    if source.activations is not None:
        raise CausalError(
            f"{source.name}: its activations were saved elsewhere and no model is loaded, so nothing can be "
            "changed while it reads; name another model of the run with --model."
        )
    reading = read_model(
        study, source, dataset, settings, check=lambda own: _check_same(source, own, known["identity"])
    )
    _check_labels(reading, dataset, reader)
    facts = {row["target"]: row for row in known["selected"] if row["target"] in BESIDE}
    targets = {
        name: make_target(
            name,
            dataset.prompts,
            reading.responses,
            groups=dataset.groups,
            min_groups=study.min_groups,
            is_present=reading.is_present,
        )
        for name in facts
    }
    inputs = causal_input(reading, study, dataset, settings, chosen=Chosen(targets=targets, facts=facts))
    return causal_step(inputs, step_content(reading), StepStore(folder=settings.folder / "steps")).tables[
        "causal"
    ]


def _check_same(source: ModelSource, identity: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Raise CausalError where a model is not the one of the run."""
    differ = sorted(name for name in {*identity, *known} if identity.get(name) != known.get(name))
    if differ:
        raise CausalError(
            f"{source.name}: {source.path} is not the model of the run any more ({', '.join(differ)} "
            f"changed); put the model of the run back, or {_AGAIN}."
        )


def _check_labels(reading: Reading, dataset: Dataset, reader: RunReader) -> None:
    """Raise CausalError where answers, or what they are labelled, are not those of the run."""
    rows = reader.table("rows", columns=("model", "id", "refusal"))
    if rows is None:
        return  # of a version that kept none
    own = rows[rows["model"] == reading.name].set_index("id")["refusal"].reindex(dataset.ids)
    now = np.array([(r.refusal if r else None) or "" for r in reading.responses])
    if n := int((own.to_numpy() != now).sum()):
        raise CausalError(
            f"{reading.name}: {n} of {len(now)} answers are labelled otherwise than in the run (its answers "
            f"or the rules changed); {_AGAIN}."
        )
