"""The main job as a person runs it: a real process, a real model, real files."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from unsinter.probes.files.export import load_probe
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import SCHEMA_VERSION, load_study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.tables.columns import FLOORS, PREDICTIONS, RESULTS
from unsinter.studies.tables.run_tables import RUN_TABLES
from unsinter.studies.tables.shapes import fault_of_table
from unsinter.studies.tables.transfer_columns import TRANSFER


@pytest.fixture
def run_here(tmp_path, private_cache):
    """Run a study file in this process and return (summary, run folder)."""

    def run(path, *, name="run"):
        folder = tmp_path / name
        return run_study(load_study(path), Settings(folder=folder, cache_root=private_cache)), folder

    return run


def test_a_run_writes_the_files_and_columns_of_the_contract(write_study, run_here):
    summary, folder = run_here(write_study(whole=True))
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in
              ("results", "floors", "predictions", "transfer")}  # fmt: skip
    for name, columns in {
        "results": RESULTS, "floors": FLOORS, "predictions": PREDICTIONS, "transfer": TRANSFER,
    }.items():  # fmt: skip
        assert list(tables[name].columns) == list(columns)
    for name, table in RUN_TABLES.items():
        if (path := folder / f"{name}.parquet").is_file():
            written = pd.read_parquet(path)
            assert list(written.columns) == list(table.columns)
            assert fault_of_table(written, table.columns) is None
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert summary["schema_version"] == SCHEMA_VERSION == 4
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "layers.svg",
        "layers.png",
        "layers-tiny.svg", "layers-tiny.png",
        *(f"transfer-tiny-{kind}.{end}" for kind in ("category", "category_held_out")
          for end in ("svg", "png")),
    }  # fmt: skip
    assert (tables["results"].groupby("target")["selected"].sum() == 1).all()


def test_no_group_stands_on_both_sides_and_no_prediction_is_of_a_training_row(write_study, run_here):
    _, folder = run_here(write_study())
    split = pd.read_parquet(folder / "split.parquet")
    assert (split.groupby("group")["held_out"].nunique() == 1).all()
    predicted = set(pd.read_parquet(folder / "predictions.parquet")["id"])
    assert predicted == set(split.loc[split["held_out"], "id"])


def test_a_second_run_computes_no_activation_and_gives_the_same_numbers(write_study, run_here):
    path = write_study()
    first, one = run_here(path, name="one")
    again, two = run_here(path, name="two")
    assert first["models"]["tiny"]["extraction"]["rows_from_cache"] == 0
    assert again["models"]["tiny"]["extraction"]["rows_computed"] == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(one / "results.parquet"), pd.read_parquet(two / "results.parquet")
    )


def test_an_exported_probe_gives_the_scores_of_the_run(write_study, run_here, few_prompts, private_cache):
    from unsinter.cache import ActivationStore
    from unsinter.features.extract.extraction import extract
    from unsinter.features.model.model import load_model
    from unsinter.features.rendering.rendering import render
    from unsinter.studies.planted import model_folder

    _, folder = run_here(write_study())
    (path,) = (folder / "probes").glob("tiny-D-*.safetensors")
    probe = load_probe(path)
    model = load_model(model_folder("detached"), dtype="float32")
    rendered = render([(p["id"], p["prompt"]) for p in few_prompts], model)
    store = ActivationStore.open(private_cache, model.identity)
    site = (probe.card["layer"], probe.card["position"])
    found = extract(model, rendered, store, layers=[site[0]], positions=[site[1]])
    scores = dict(zip(found.ids, probe.scores(found.activations(*site)), strict=True))
    table = pd.read_parquet(folder / "predictions.parquet").query("target == 'D' and layer == @site[0]")
    np.testing.assert_allclose([scores[i] for i in table["id"]], table["score"], atol=1e-3)
    assert probe.card["model"]["weights"] == model.identity["weights"]


def test_recorded_responses_give_r_and_keep_their_human_labels(write_study, run_here, few_prompts, tmp_path):
    responses = tmp_path / "responses.jsonl"
    rows = [
        {
            "id": f"r{i}",
            "prompt_id": p["id"],
            "model": "someone",
            "response_opening": "I can't help with that." if p["harmful"] else "Sure, here are the steps.",
            "label": "refusal" if p["harmful"] else "compliance",
            "label_source": "people",
        }
        for i, p in enumerate(few_prompts)
    ]
    responses.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    study = write_study(targets=["D", "R"], responses={"path": ["responses.jsonl"], "model": "someone"})
    summary, _ = run_here(study)
    cells = summary["models"]["tiny"]["groups_per_cell"]
    assert set(cells) == {"harmful/refusal", "harmless/compliance"}
    by_target = {row["target"]: row for row in summary["models"]["tiny"]["selected"]}
    assert by_target["R"]["score"] == pytest.approx(by_target["D"]["score"], abs=1e-9)


def test_a_target_that_cannot_be_studied_is_named_with_its_counts(write_study, refused):
    refused("run", write_study(min_groups=5000), parts=("D needs two classes", "min_groups is 5000"))


def test_a_model_without_a_tokenizer_is_one_line(write_study, refused, model_copy):
    for path in model_copy.glob("tokenizer*"):
        path.unlink()
    refused("run", write_study(model=model_copy), parts=("tokenizer", model_copy.name))


def test_a_model_without_a_chat_template_is_one_line_that_offers_raw(write_study, refused, model_copy):
    (model_copy / "chat_template.jinja").unlink()
    refused("run", write_study(model=model_copy), parts=("no chat template", "template='raw'"))


def test_a_position_that_the_template_lacks_is_one_line(write_study, refused):
    study = write_study(positions=["template_40"])
    refused("extract", study, parts=("template_40", "template_end"))


def test_a_prompt_longer_than_the_context_is_an_error_that_names_it(write_study, refused, few_prompts):
    long = few_prompts[0] | {"prompt": "word " * 3000}
    refused("run", write_study(prompts=[long, *few_prompts[1:]]), parts=(long["id"], "tokens", "drop"))


@pytest.mark.slow
def test_a_prompt_longer_than_the_context_can_be_dropped_and_is_counted(write_study, run_here, few_prompts):
    long = few_prompts[0] | {"prompt": "word " * 3000}
    path = write_study(prompts=[long, *few_prompts[1:]], on_too_long="drop", responses={"max_new_tokens": 2})
    summary, folder = run_here(path)
    assert summary["models"]["tiny"]["extraction"]["dropped"] == [long["id"]]
    assert long["id"] not in set(pd.read_parquet(folder / "predictions.parquet")["id"])


def test_an_activation_that_is_not_a_number_is_one_line_and_nothing_is_written(
    write_study, refused, model_copy, tmp_path
):
    weights = load_file(model_copy / "model.safetensors")
    name = next(key for key in weights if "layers.0" in key and key.endswith("down_proj.weight"))
    weights[name][:] = float("nan")
    save_file(weights, model_copy / "model.safetensors", metadata={"format": "pt"})
    refused("run", write_study(model=model_copy), parts=("NaN or inf", "layer", "template_end"))
    assert not list((tmp_path / "here").rglob("*.parquet.part"))
    assert not (tmp_path / "here/runs/small/summary.json").exists()


def test_a_folder_of_something_else_is_not_written_into(write_study, refused, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious", encoding="utf-8")
    refused("run", write_study(), "--out", mine, parts=("mine", "not empty"))
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_run_with_other_settings_moves_the_earlier_outputs_aside(write_study, run_here):
    _, folder = run_here(write_study())
    before = (folder / "summary.json").read_bytes()
    run_here(write_study(layers=[1]))
    assert pd.read_parquet(folder / "results.parquet")["layer"].unique().tolist() == [1]
    assert {path.name.split("layer")[1][:2] for path in (folder / "probes").glob("*.json")} == {"01"}
    assert (folder / "earlier" / "1" / "summary.json").read_bytes() == before
    assert (folder / "earlier" / "1" / "probes").is_dir()


def test_a_model_that_is_refused_leaves_no_run_folder(write_study, refused, model_copy, tmp_path):
    (model_copy / "config.json").write_text("{", encoding="utf-8")
    refused("run", write_study(model=model_copy), parts=("config.json",))
    assert not (tmp_path / "here" / "runs").exists()
