"""`unsinter cause`: what it adds to a finished run, and one sentence for everything that it cannot do."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from unsinter.cache.inventory import Inventory
from unsinter.studies.causal.inputs import CausalError, UntoldAnswersError, training_openings
from unsinter.studies.cli.commands.cause import CauseRequest, cause_verb
from unsinter.studies.planted import demo_prompts, model_folder
from unsinter.studies.run.recheck import causes_of_run
from unsinter.studies.run.run import run_study
from unsinter.studies.store.damage import amiss
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings, silent
from unsinter.studies.tables.causal_columns import CAUSAL

STUDY = {
    "name": "small",
    "prompts": {"path": ["prompts.jsonl"]},
    "responses": {"temperature": 0.0, "max_new_tokens": 10},
    "targets": ["D", "R"],
    "layers": [2, 3],
    "positions": ["template_end"],
    "penalties": [0.01],
    "bootstrap_draws": 100,
    "min_groups": 6,
    "controls": {
        "permutations": 0, "control_task": False, "shuffled": False, "code_length": False,
        "layer0_mean": False, "random_model": False,
    },
    "transfer": [],
    "separation": {"pairs": ["D-R"], "draws": 100, "splits": 1, "min_groups": 10},
    "causal": {"random": 2, "permuted": 2, "layer": 3, "position": "template_end"},
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run whose study does not ask for the check, its model a copy, its cache beside it."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(model_folder("detached"), folder / "model")
    records = demo_prompts(pairs=10, wrapped=4, wrapped_twins=2, over_refused=4)
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    study = {k: v for k, v in STUDY.items() if k != "causal"}
    study["models"] = [{"name": "tiny", "path": "model", "dtype": "float32"}]
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    settings = Settings(folder=folder / "run", cache_root=folder / "cache")
    run_study(load_study(folder / "study.yaml"), settings)
    return folder


@pytest.fixture
def place(finished, tmp_path, monkeypatch):
    """A copy of the run; its study names the files of the first."""
    shutil.copytree(finished / "run", tmp_path / "run")
    monkeypatch.setenv("UNSINTER_CACHE", str(finished / "cache"))
    return tmp_path / "run"


def ask(run: Path, **named):
    return cause_verb(CauseRequest(run=run, **named), progress=silent)


def test_a_finished_run_gets_table_column_figures_and_page_and_stays_whole(finished, place):
    before = pd.read_parquet(place / "verdicts.parquet")
    assert set(before["used"]) == {"not tested"}
    outcome = ask(place, layer=3, position="template_end")
    causal = pd.read_parquet(place / "causal.parquet")
    assert list(causal) == list(CAUSAL)
    effects = causal[causal["kind"] == "effect"].set_index("factor")
    assert set(effects.index) == {"D", "R"}
    assert set(effects["held_fixed"]) == {"D", "R"}
    verdicts = pd.read_parquet(place / "verdicts.parquet")
    assert verdicts.drop(columns="used").equals(before.drop(columns="used"))
    used = verdicts.set_index("layer")["used"].to_dict()
    assert used == {2: "not tested", 3: effects.loc["D", "used"]}
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "Does the model use it?" in page
    assert outcome.lines[0].partition("direction")[2].split(":")[0] in page
    assert any(path.name.startswith("causal-tiny-refusal") for path in outcome.figures)
    assert amiss(Inventory.read(place)) == {}
    # No stream and no direction is among what is written.
    new = {p for p in place.rglob("*") if p.is_file()} - {
        place / p.relative_to(finished / "run") for p in (finished / "run").rglob("*")
    }
    assert {p.suffix for p in new} <= {".parquet", ".svg", ".png", ".json", ".lock"}
    # A second time the step is only read, and the run says the same.
    again = ask(place, layer=3, position="template_end")
    assert list(again.lines) == list(outcome.lines)


def test_a_study_that_asks_for_the_check_makes_it_as_a_step_of_the_run(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished / "run", run)
    study = yaml.safe_load((finished / "study.yaml").read_text(encoding="utf-8")) | {
        "causal": STUDY["causal"]
    }
    (finished / "asked.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run_study(load_study(finished / "asked.yaml"), Settings(folder=run, cache_root=finished / "cache"))
    verdicts = pd.read_parquet(run / "verdicts.parquet")
    causal = pd.read_parquet(run / "causal.parquet")
    assert set(verdicts.loc[verdicts["layer"] == 3, "used"]) <= {"yes", "no", "open"}
    assert (causal["kind"] == "null").sum() > 0
    assert amiss(Inventory.read(run)) == {}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"model": "other"}, "holds no model 'other'; it holds tiny"),
        ({"layer": 9, "position": "template_end"}, "layer 9 is not in tiny, which has layers 0 to 6"),
        ({"layer": 5, "position": "template_end"}, "layer 5 at 'template_end' was not read; layers 2, 3"),
        ({"layer": 3}, "give both, or neither"),
        ({"categories": ["gardening"]}, "'gardening', which is no category of the prompts; they have"),
        ({"operation": "erase"}, "--operation: Input should be 'remove' or 'add', got 'erase'"),
    ],
)
def test_an_option_that_names_nothing_is_one_sentence_and_changes_nothing(place, named, words):
    before = {p: p.read_bytes() for p in place.rglob("*.parquet")}
    with pytest.raises(CausalError, match=words):
        ask(place, **named)
    assert {p: p.read_bytes() for p in place.rglob("*.parquet")} == before
    assert amiss(Inventory.read(place)) == {}


def test_a_model_that_changed_since_the_run_is_refused(finished, place):
    config = finished / "model" / "generation_config.json"
    template = finished / "model" / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    try:
        template.write_text(text.replace("{{", "{{ '' }}{{", 1), encoding="utf-8")
        with pytest.raises(CausalError, match=r"not the model of the run any more \(chat_template changed"):
            ask(place)
    finally:
        template.write_text(text, encoding="utf-8")
    assert config.is_file()


def test_prompts_that_changed_since_the_run_are_refused(finished, place):
    prompts = finished / "prompts.jsonl"
    text = prompts.read_text(encoding="utf-8")
    try:
        prompts.write_text("\n".join(text.splitlines()[:-8]) + "\n", encoding="utf-8")
        with pytest.raises(CausalError, match="the prompts are not those of the run"):
            ask(place)
    finally:
        prompts.write_text(text, encoding="utf-8")


def test_no_run_and_a_damaged_one_are_refused(tmp_path, place):
    with pytest.raises(CausalError, match="is no run folder"):
        ask(tmp_path)
    with (place / "study.yaml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    with pytest.raises((CausalError, StudyError), match=r"damaged|not those that were written"):
        ask(place)


def test_a_run_without_answers_is_refused(finished):
    study = load_study(finished / "study.yaml").model_copy(update={"responses": None})
    reader = SimpleNamespace(folder=finished / "run")
    with pytest.raises(CausalError, match="the run has no answers, so it is not known how"):
        causes_of_run(reader, {}, study, Settings(folder=finished / "run"), model=None)


@pytest.mark.parametrize(
    ("refused", "openings", "words"),
    [
        (0, True, "hold 0 independent groups of refusals, and 10 are needed"),
        (4, True, "hold 4 independent groups of refusals, and 10 are needed"),
        (40, True, "hold 0 independent groups of answers that are no refusal"),
        (20, False, "the run holds no text of an answer"),
    ],
)
def test_too_few_refusals_or_one_kind_alone_is_one_sentence(refused, openings, words):
    n = 40
    inputs = SimpleNamespace(
        name="tiny",
        kinds=np.array(["refusal"] * refused + ["compliance"] * (n - refused)),
        groups=np.arange(n).astype(str),
        train=np.ones(n, dtype=bool),
        responses=[SimpleNamespace(opening="No." if openings else None)] * n,
    )
    with pytest.raises(UntoldAnswersError, match=words):
        training_openings(inputs)
