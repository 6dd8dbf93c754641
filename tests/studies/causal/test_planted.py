"""In the planted models the causal check comes out as planted: which direction moves what."""

import numpy as np
import pytest

from unsinter.features.extract.in_memory import read_site
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.model import load_model
from unsinter.features.records.record import PromptRecord, ResponseRecord
from unsinter.features.rendering.rendering import render
from unsinter.studies.causal.analysis import causal_table
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import make_dataset
from unsinter.studies.data.load import label_record
from unsinter.studies.data.targets import make_target
from unsinter.studies.planted import demo_prompts, model_folder
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.file import Study

LAYER = {"detached": 4, "sintered": 6}
"""Where each model is looked at. At 4 of 6 the blocks behind can still answer what was taken out; behind the
last none moves the probability of one opening to another, so that a wording's direction there moves refusing
too. The other model's direction of a category is used late: at 3 it moves wording alone (measured: refusing
+1.0, at 5 -1.0, at 6 -5.1)."""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Return a function that gives a planted model's table: greedy answers, all directions at one site."""
    made = {}

    def table(name, **options):
        if name not in made:
            made[name] = planted_input(name, tmp_path_factory.mktemp(name), options)
        return causal_table(made[name])

    return table


def planted_input(name, folder, options):
    study = Study.model_validate(
        {"name": name, "models": [{"name": name, "path": f"planted:{name}"}], "prompts": {}, "targets": ["D"]}
    )
    prompts = [PromptRecord.model_validate(p) for p in demo_prompts(pairs=24, wrapped=8, over_refused=8)]
    dataset = make_dataset(prompts, study)
    model = load_model(model_folder(name), dtype="float32", device="cpu")
    rendered = render([(p.id, p.prompt) for p in prompts], model)
    how = GenerationSettings(max_new_tokens=12, temperature=0.0)
    records = generate_responses(model, rendered, folder / "answers.jsonl", settings=how)
    responses = [
        label_record(ResponseRecord.model_validate(r), p) for r, p in zip(records, prompts, strict=True)
    ]
    targets = {
        target: make_target(target, prompts, responses, groups=dataset.groups, min_groups=10)
        for target in ("D", "C", "R", "W")
    }
    return CausalInput(
        name=name,
        model=model,
        rendered=rendered,
        read=lambda layer, position: read_site(model, rendered, layer=layer, position=position),
        dataset=dataset,
        responses=responses,
        is_present=np.ones(len(prompts), dtype=bool),
        targets=targets,
        sites=dict.fromkeys(targets, (LAYER[name], "template_end")),
        settings=Causal(**options),
        bootstrap=Bootstrap(n_draws=500, seed=0),
        min_groups=10,
        penalty=0.01,
    )


def changes(table, factor, outcome):
    rows = table[(table["kind"] == "effect") & (table["factor"] == factor) & (table["outcome"] == outcome)]
    assert len(rows)
    return rows


def own_and_other(table, outcome):
    """Return the mean change on prompts of the category whose direction is out, and on those of others."""
    cells = table[(table["kind"] == "matrix") & (table["outcome"] == outcome)]
    own = cells["class"] == cells["tested_on"]
    return cells[own]["effect"].mean(), cells[~own]["effect"].mean()


@pytest.mark.slow
def test_where_wording_is_detached_its_direction_moves_which_opening_and_not_whether_it_refuses(check):
    table = check("detached", random=6, permuted=4)
    wording, refusal = (changes(table, "W", outcome) for outcome in ("wording", "refusal"))
    assert wording["effect"].mean() < -1.0
    assert (wording["used"] == "yes").any()
    assert (refusal["used"] != "yes").all()
    assert (refusal["effect"].abs() < refusal["margin"]).all()
    # The category's direction takes refusing with it, and no wording of its own.
    own, other = own_and_other(table, "refusal")
    assert own < -1.0
    own, other = own_and_other(table, "wording")
    assert abs(own - other) < 0.5


@pytest.mark.slow
def test_where_wording_is_sintered_the_categorys_direction_moves_both(check):
    table = check("sintered", random=6, permuted=4)
    own, other = own_and_other(table, "refusal")
    assert own < -1.0
    assert own < other - 0.5
    own, other = own_and_other(table, "wording")
    assert own < other - 0.5
    assert (changes(table, "C", "wording")["effect"] < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["detached", "sintered"])
def test_the_direction_of_refusing_moves_refusing_more_than_any_null(check, name):
    (row,) = changes(check(name, random=6, permuted=4), "R", "refusal").to_dict("records")
    assert row["high"] < 0
    assert abs(row["effect"]) > row["margin"]
