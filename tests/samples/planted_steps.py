"""Every kind of step of a run on planted activations, and a record of its columns and numbers.

``python tests/samples/planted_steps.py`` writes the record anew: do so after a step's version was raised.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd

from unsinter.features.extract.in_memory import read_site
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import RenderedPrompt, render
from unsinter.studies.activations.model_reading import Reading
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import make_dataset
from unsinter.studies.data.load import read_study_prompts
from unsinter.studies.data.targets import Response, make_target
from unsinter.studies.planted import demo_prompts, model_folder
from unsinter.studies.run import model as model_step
from unsinter.studies.run import separation_step, token_scores_step
from unsinter.studies.run.across_categories_step import answer_across
from unsinter.studies.run.causal_step import causal_step
from unsinter.studies.run.step_kinds import (
    ACROSS_CATEGORIES,
    CAUSAL,
    CROSS_MODEL,
    HELD_OUT,
    KINDS,
    SEPARATION,
    TOKEN_SCORES,
    TRANSFER,
)
from unsinter.studies.run.transfer_step import compare_models, compare_within
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.token_maps import reading

RECORD = Path(__file__).resolve().parents[1] / "studies" / "run" / "planted_steps.json"
TIMED = {"seconds"}
"""Columns of what a clock says."""

LAYERS, WIDTH = (1, 2), 8
STEPS = {
    "D": "target", "W": "target", "transfer": TRANSFER.name, "held_out": HELD_OUT.name,
    "separation": SEPARATION.name, "across": ACROSS_CATEGORIES.name,
    "cross_model": CROSS_MODEL.name, "token_scores": TOKEN_SCORES.name,
}  # fmt: skip
"""A step of a run -> its kind."""


def planted_study(folder):
    """A study of two models of which nothing is loaded; few groups, few draws."""
    prompts = folder / "prompts.jsonl"
    records = demo_prompts(pairs=12, wrapped=4, wrapped_twins=2, over_refused=2)
    for place, record in enumerate(records):
        record["source"] = f"source {place // 2 % 2}"
    prompts.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return Study.model_validate({
        "name": "planted-steps",
        "models": [{"name": name, "path": "planted:detached"} for name in ("one", "two")],
        "prompts": {"path": [str(prompts)]},
        "responses": {"max_new_tokens": 8},
        "targets": ["D", "W"],
        "positions": ["template_end"],
        "layers": list(LAYERS),
        "penalties": [0.01, 0.1],
        "bootstrap_draws": 100,
        "min_groups": 8,
        "hold_out": ["source"],
        "controls": {"permutations": 100, "random_model": False},
        "tuning": {"trials": 3, "families": ["logistic", "ridge"]},
        "separation": {"pairs": ["D-W"], "draws": 100, "splits": 2, "erased_contrasts": 1, "min_groups": 10},
    })  # fmt: skip


def planted_labels(dataset, seed):
    """Refusals that follow harm in nine of ten rows; their wording follows nothing."""
    rng = np.random.default_rng(seed)
    refused = (dataset.harm == "harmful") ^ (rng.random(len(dataset.ids)) < 0.1)
    worded = rng.integers(2, size=len(refused))
    return refused, worded


def planted_reading(dataset, seed):
    """Activations with an axis for harm, one for refusal, one for wording; twice as strong at layer 2."""
    refused, worded = planted_labels(dataset, seed)
    rng = np.random.default_rng([seed, 1])
    layers = {}
    for layer in LAYERS:
        X = rng.normal(size=(len(refused), WIDTH))
        X[:, 0] += 1.5 * layer * (dataset.harm == "harmful")
        X[:, 1] += 1.0 * layer * refused
        X[:, 2] += 1.5 * layer * (refused & (worded == 1))
        layers[layer] = X.astype(np.float32)
    wordings = ("apology", "policy")
    responses = [
        Response(
            refusal="refusal" if no else "compliance",
            wording=wordings[style] if no else None,
            label_source="planted",
        )
        for no, style in zip(refused, worded, strict=True)
    ]
    keys = tuple(hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in dataset.ids)
    store = SimpleNamespace(read=lambda layer, position, rows: layers[layer])
    extraction = SimpleNamespace(
        keys=keys,
        ids=tuple(dataset.ids),
        layers=LAYERS,
        activations=lambda layer, position: layers[layer],
        store=store,
    )
    return Reading(
        name="planted",
        model="planted",
        rendered=(),
        extraction=extraction,
        is_present=np.ones(len(refused), dtype=bool),
        responses=responses,
        identity={"weights": str(seed)},
        facts={},
    )


def read_embedding(study, reading, settings):
    """Mean embeddings that say nothing."""
    X = np.random.default_rng(9).normal(size=(len(reading.is_present), WIDTH)).astype(np.float32)
    return lambda layer, position: X


def rendered_words(prompts, model, source):
    """Prompts of a token for each word, between one before and two after."""
    return [
        RenderedPrompt(
            id=record.id,
            token_ids=tuple(range(len(record.prompt.split()) + 3)),
            instruction=(1, len(record.prompt.split()) + 1),
            prompt_end=len(record.prompt.split()) + 3,
            merged=False,
            key=record.id,
        )
        for record in prompts
    ]


def planted_tokens(model, row, *, layers, tokens):
    """A stream that says nothing, the same for prompts of one length."""
    return (
        np.random.default_rng(len(row.token_ids)).normal(size=(len(layers), len(tokens), WIDTH)).astype("f4")
    )


def planted_steps(folder):
    """Return the tables of every kind of step, by kind and name of the table; the first of each kind."""
    study = planted_study(folder)
    dataset = make_dataset(read_study_prompts(study.prompts, seed=0), study)
    settings = Settings(folder=folder / "run", cache_root=folder / "cache")
    store = StepStore(folder=settings.folder / "steps")
    seeds = {"one": 1, "two": 2}
    with (
        mock.patch.object(
            model_step, "read_model",
            lambda study, source, dataset, settings: planted_reading(dataset, seeds[source.name]),
        ),
        mock.patch.object(model_step, "read_layer0_mean", read_embedding),
        mock.patch.object(separation_step, "read_layer0_mean", read_embedding),
        mock.patch.object(token_scores_step, "render_prompts", rendered_words),
        mock.patch.object(reading, "read_tokens", planted_tokens),
        mock.patch.object(reading, "token_texts", lambda _, __, text, **___: ["<", *text.split(), ">", "\n"]),
    ):  # fmt: skip
        outcomes = []
        for source in study.models:
            outcome = model_step.study_model(study, source, dataset, settings, store)
            outcomes.append(outcome)
        first = outcomes[0]
        compare_within(first, study, dataset, settings, store)
        separation_step.separate_factors(first, study, dataset, settings, store)
        answer_across(first, study, dataset, settings, store)
        token_scores_step.read_shown_prompts(first, study.models[0], study, dataset, settings, store)
        crossed = compare_models(outcomes, study, dataset, store)
    steps = {"target": first.steps["D"], **{STEPS[name]: step for name, step in first.others.items()}}
    steps[CROSS_MODEL.name] = crossed
    steps[CAUSAL.name] = planted_causes(study, dataset, store)
    return {kind: step.tables for kind, step in steps.items()}


def planted_causes(study, dataset, store):
    """The causal check of the shipped planted model with answers that follow harm."""
    model = load_model(model_folder("detached"), dtype="float32", device="cpu")
    rendered = render([(p.id, p.prompt) for p in dataset.prompts], model)
    refused, _ = planted_labels(dataset, 1)
    openings = np.where(refused, "I refuse to help with that.", "Sure, here is an overview.")
    responses = [
        Response(
            refusal="refusal" if no else "compliance", wording=None, label_source="planted", opening=str(text)
        )
        for no, text in zip(refused, openings, strict=True)
    ]
    present = np.ones(len(rendered), dtype=bool)
    targets = {
        name: make_target(
            name, dataset.prompts, responses, groups=dataset.groups, min_groups=study.min_groups
        )
        for name in ("D", "R")
    }
    inputs = CausalInput(
        name="one",
        model=model,
        rendered=rendered,
        read=lambda layer, position: read_site(model, rendered, layer=layer, position=position),
        dataset=dataset,
        responses=responses,
        is_present=present,
        targets=targets,
        sites=dict.fromkeys(targets, (3, "template_end")),
        settings=Causal(random=2, permuted=2),
        bootstrap=Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed),
        min_groups=study.min_groups,
        penalty=0.01,
    )
    return causal_step(inputs, {"identity": model.identity}, store)


def in_short(column):
    """Return the record of a column: numbers as (missing, mean, mean weighted by place), text as a digest."""
    if column.dtype.kind in "fiub" or str(column.dtype) in ("boolean", "Int64", "Float64"):
        values = pd.to_numeric(column).astype(float).to_numpy()
        there = np.isfinite(values)
        places = np.linspace(0.5, 1.5, len(values))
        means = (values[there].mean(), (values * places)[there].mean()) if there.any() else (0.0, 0.0)
        return [int((~there).sum()), *(float(f"{mean:.5g}") for mean in means)]
    texts = ["" if value is None or value is pd.NA or value != value else str(value) for value in column]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def record(steps):
    """Return, by kind of step, its version and what is recorded of each column of each table."""
    versions = {kind.name: kind.version for kind in KINDS}
    return {
        kind: {
            "version": versions[kind],
            "tables": {
                name: {column: in_short(table[column]) for column in table if column not in TIMED}
                for name, table in tables.items()
            },
        }
        for kind, tables in steps.items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        made = record(planted_steps(Path(place)))
    RECORD.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
