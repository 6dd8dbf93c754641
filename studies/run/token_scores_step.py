"""A few prompts of one model, chosen by their held-out scores and read token by token, as a step of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from unsinter.features.rendering.position_names import reads_answer
from unsinter.studies.activations.rendered_prompts import render_prompts
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.sites import NAN
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.prompt_tables import opening_characters
from unsinter.studies.run.step_kinds import TOKEN_SCORES
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables import token_columns
from unsinter.studies.token_maps.choice import HeldOutCalls, cells_of, choose_prompts
from unsinter.studies.token_maps.reading import ProbeColumn, probe_column, score_tokens


def read_shown_prompts(
    outcome: ModelOutcome,
    source: ModelSource,
    study: Study,
    dataset: Dataset,
    settings: Settings,
    store: StepStore,
) -> None:
    """Add to the outcome what the study's ``show`` asks for.

    Nothing is added where no model was loaded, and for targets whose chosen probe reads the answer: only
    prompts are read here.
    """
    names = [
        name
        for name, step in outcome.steps.items()
        if outcome.targets[name].target.is_binary and not reads_answer(step.facts["position"])
    ]
    if outcome.reading.model is None or not study.show.prompts or not names:
        return
    name, key = f"{outcome.name}-token-scores", TOKEN_SCORES.key(_parts(names, outcome, study, dataset))
    step = store.find(name, key)
    if step is None:
        tables = _tables(names, outcome, source, study, dataset, settings)
        step = store.keep(name, key, tables=tables, facts={})
    outcome.others["token_scores"] = step


def _parts(names: list[str], outcome: ModelOutcome, study: Study, dataset: Dataset) -> dict[str, Any]:
    answers = outcome.reading.responses
    return {
        "identity": outcome.identity,
        "steps": {name: outcome.steps[name].folder.name for name in names},
        "prompts": study.show.prompts,
        "harm": dataset.harm,
        "ids": dataset.ids,
        "texts": np.array([prompt.whole_text for prompt in dataset.prompts], dtype=object),
        "answers": [
            [answer.refusal, answer.wording, opening_characters(answer)] if answer else None
            for answer in answers
        ],
    }


def _tables(
    names: list[str],
    outcome: ModelOutcome,
    source: ModelSource,
    study: Study,
    dataset: Dataset,
    settings: Settings,
) -> dict[str, pd.DataFrame]:
    columns = [_column(name, outcome) for name in names]
    cells = [_cells(column, outcome, dataset) for column in columns]
    calls = [_calls(column, own, outcome) for column, own in zip(columns, cells, strict=True)]
    chosen = choose_prompts(calls, study.show.prompts)
    records = {prompt.id: prompt for prompt in dataset.prompts}
    places = {name: place for place, name in enumerate(dataset.ids.tolist())}
    model = outcome.reading.model
    assert model is not None
    rendered = render_prompts([records[name] for name in chosen], model, source)
    scores, shown = [], []
    progress = f"{outcome.name}: prompts token by token"
    for done, row in enumerate(rendered):
        settings.progress(progress, done, len(rendered))
        scores.append(score_tokens(model, source, row, records[row.id], columns))
        about = {"why": "; ".join(chosen[row.id]), "tokens": len(row.token_ids)}
        place = places[row.id]
        shown += [
            about | {"cell": cell[row.id]} | _described(row.id, place, column, own, outcome)
            for column, own, cell in zip(columns, calls, cells, strict=True)
        ]
    settings.progress(progress, len(rendered), len(rendered))
    prompts = pd.DataFrame(shown, columns=list(token_columns.SHOWN_PROMPTS))
    prompts = prompts.astype({"opening_characters": "Int64", "score": float})
    tokens = pd.concat(scores, ignore_index=True).assign(model=outcome.name)
    return {"shown_prompts": prompts, "token_scores": tokens[list(token_columns.TOKEN_SCORES)]}


def _column(name: str, outcome: ModelOutcome) -> ProbeColumn:
    step = outcome.steps[name]
    rows = step.tables["results"]
    return probe_column(
        rows[~rows["tuned"].astype(bool)],
        step.folder / "weights.safetensors",
        layer=step.facts["layer"],
        position=step.facts["position"],
    )


def _cells(column: ProbeColumn, outcome: ModelOutcome, dataset: Dataset) -> dict[str, str]:
    """Return the cell of every prompt by its id."""
    inputs = outcome.targets[column.target]
    cells = cells_of(inputs.cells.tolist(), dataset.harm.tolist(), inputs.target.labels.tolist())
    return dict(zip(dataset.ids.tolist(), cells, strict=True))


def _calls(column: ProbeColumn, cells: Mapping[str, str], outcome: ModelOutcome) -> HeldOutCalls:
    """Return what the chosen probe of the sweep says of the held-out prompts."""
    rows = outcome.steps[column.target].tables["predictions"]
    at_site = (rows["layer"] == column.layer) & (rows["position"] == column.position)
    # The sweep's rows stand before those of a tuned probe, which may be of the same site and family.
    own = rows[at_site & (rows["family"] == column.family)].drop_duplicates("id")
    return HeldOutCalls(
        target=column.target,
        ids=own["id"].tolist(),
        margins=own["score"].to_numpy(float) - column.probes[column.layer].threshold,
        is_positive=(own["truth"] == column.positive).to_numpy(),
        cells=[cells[name] for name in own["id"]],
    )


def _described(
    name: str, place: int, column: ProbeColumn, calls: HeldOutCalls, outcome: ModelOutcome
) -> dict[str, Any]:
    """Return a row of ``shown_prompts`` of the prompt at a place of the study, less why it is shown."""
    inputs, answer = outcome.targets[column.target], outcome.reading.responses[place]
    threshold = column.probes[column.layer].threshold
    margins = dict(zip(calls.ids, calls.margins, strict=True))
    return {
        "model": outcome.name,
        "id": name,
        "target": column.target,
        "truth": str(inputs.target.labels[place]),
        "negative": column.negative,
        "positive": column.positive,
        "family": column.family,
        "layer": column.layer,
        "position": column.position,
        "score": margins.get(name, NAN) + threshold,
        "threshold": threshold,
        "refusal": (answer.refusal if answer else None) or "",
        "wording": (answer.wording if answer else None) or "",
        "opening_characters": opening_characters(answer),
    }
