"""A finished run as an object in a notebook."""

import json
import shutil

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unsinter.cache import CacheError
from unsinter.studies import Run, Settings, load_study, run_study
from unsinter.studies.report.answers.answer_lines import answer_lines
from unsinter.studies.report.evidence.run_data import ReportError, read_evidence
from unsinter.studies.store.site_weights import read_weights, weights_file
from unsinter.studies.tables.prompt_columns import PROMPTS
from unsinter.studies.tables.run_tables import RUN_TABLES


def test_tables_and_answer_are_those_of_the_folder(full_run):
    run = Run.open(full_run)
    assert run.models == ("detached", "sintered")
    pd.testing.assert_frame_equal(run.verdicts, read_evidence(full_run)["verdicts"])
    assert run.answer == tuple(str(line) for line in answer_lines(read_evidence(full_run)))
    results = run.results
    results["score"] = 0.0  # a copy: nothing that is done to it stays
    assert (run.results["score"] != 0).any()
    with pytest.raises(
        ReportError, match=r"a run has no table 'result'; it has results, floors.*, prompts, rows"
    ):
        run.table("result")


def test_every_table_that_the_page_of_columns_lists_is_read_by_its_name(full_run):
    run = Run.open(full_run)
    kept = {"prompts", "rows"}  # this run, like those of earlier versions, has neither
    for name in RUN_TABLES.keys() - kept:
        path = full_run / f"{name}.parquet"
        assert len(run.table(name)) == (len(pd.read_parquet(path)) if path.exists() else 0), name
    for name in kept:
        with pytest.raises(ReportError, match=f"no {name}.parquet"):
            run.table(name)


def test_it_is_shown_with_its_answer_and_nothing_in_it_is_markup(full_run):
    run = Run.open(full_run)
    shown = run._repr_html_()
    assert shown.count("<li>") == len(run.answer)
    assert all(line in repr(run) for line in run.answer)
    assert "<script" not in shown


def test_figures_are_matplotlib_s_axes_and_an_unknown_matrix_is_answered_with_those_there_are(full_run):
    run = Run.open(full_run)
    layers = run.plot_layers(model="detached")
    assert len([axis for axis in layers if axis.get_title(loc="left")]) == run.results["target"].nunique()
    assert all(isinstance(axis, Axes) and isinstance(axis.figure, Figure) for axis in layers)
    assert len(run.plot_transfer(model="sintered")) >= 2
    assert len(run.plot_verdicts(model="sintered")) == run.verdicts["pair"].nunique() == 3
    with pytest.raises(ReportError, match="no matrix of sintered over sources; the run has detached over"):
        run.plot_transfer(model="sintered", kind="sources")


def test_a_figure_can_be_saved_and_changes_nothing_of_the_notebook_s_own(full_run, tmp_path):
    before = dict(mpl.rcParams)
    axis = Run.open(full_run).plot_layers(model="detached")[0]
    axis.figure.savefig(tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == before


def test_transfer_gives_one_matrix_or_all_and_names_those_there_are(full_run):
    run = Run.open(full_run)
    pd.testing.assert_frame_equal(run.transfer(), read_evidence(full_run)["transfer"])
    part = run.transfer(model="sintered", kind="category")
    assert set(part["model"]) == {"sintered"}
    assert set(part["kind"]) == {"category"}
    chosen = run.transfer(model="sintered", kind="category", selected=True)
    assert 0 < len(chosen) <= len(part)
    assert (chosen["selected"] | (chosen["reader"] == "words")).all()
    with pytest.raises(ReportError, match="there is no matrix of tiny; the run has detached over category"):
        run.transfer(model="tiny")


def test_of_several_models_one_must_be_named(full_run):
    run = Run.open(full_run)
    with pytest.raises(ReportError, match="the run has several models, name one of detached, sintered"):
        run.activations(2, "template_end")
    with pytest.raises(ReportError, match="the run has no model 'tiny' of detached, sintered"):
        run.plot_verdicts(model="tiny")


def test_a_run_of_an_earlier_version_keeps_no_prompts_and_that_is_said(full_run):
    with pytest.raises(ReportError, match=r"no rows.parquet \(an earlier version wrote the run\); run its"):
        Run.open(full_run).activations(2, "template_end", model="detached")
    with pytest.raises(ReportError, match=r"has no prompts.parquet"):
        _ = Run.open(full_run).prompts


@pytest.fixture(scope="module")
def real_run(tmp_path_factory, few_prompts):
    """A run of a planted model, and the cache that it filled."""
    folder = tmp_path_factory.mktemp("real")
    prompts = few_prompts[:300]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompts), encoding="utf-8")
    rng = np.random.default_rng(0)
    openings = ("I'm sorry, but I can't help with that.", "Here is a plan in three steps.")
    answers = [
        {"id": f"r-{p['id']}", "prompt_id": p["id"], "model": "drawn", "response_opening": openings[no]}
        for p, no in zip(prompts, rng.integers(2, size=len(prompts)), strict=True)
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers), encoding="utf-8")
    study = {
        "name": "small", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D"], "positions": ["template_end"],
        "responses": {"path": ["answers.jsonl"], "model": "drawn"},
        "layers": [0, 2], "penalties": [0.01], "bootstrap_draws": 100, "min_groups": 5, "transfer": [],
        "controls": {"permutations": 0, "random_model": False}, "separation": {"pairs": []},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run_study(load_study(folder / "study.yaml"), Settings(folder=folder / "run", cache_root=folder / "cache"))
    return folder / "run", folder / "cache", prompts, answers


def test_the_probe_of_a_real_run_is_the_one_of_its_chosen_site(real_run):
    run = Run.open(real_run[0])
    probe = run.probe("D")
    row = run.results[run.results["selected"] & (run.results["target"] == "D")].iloc[0]
    site = read_weights(
        weights_file(run.folder, model="tiny", target="D"), layer=row["layer"], position=row["position"]
    )
    np.testing.assert_array_equal(probe.layers[0][0], site.layers[0][0])
    with pytest.raises(ReportError, match="there is none; the run holds D of tiny"):
        run.probe("W")


def test_cached_activations_give_the_scores_that_the_table_holds_and_no_model_is_loaded(
    real_run, monkeypatch
):
    folder, cache, prompts, _ = real_run
    monkeypatch.setattr("unsinter.features.model.model.load_model", None)
    run = Run.open(folder, cache=cache)
    probe = run.probe("D")
    layer, position = probe.card["layer"], probe.card["position"]
    ids, X = run.activations(layer, position)
    assert run.table("prompts")["id"].tolist() == run.table("rows")["id"].tolist() == ids.tolist()
    assert ids.tolist() == [p["id"] for p in prompts] == run.prompts["id"].tolist()
    assert X.shape == (len(prompts), probe.d_model)
    assert X.dtype == np.float32
    predicted = run.table("predictions")
    predicted = predicted[(predicted["layer"] == layer) & (predicted["position"] == position)]
    expected = predicted.set_index("id")["score"]
    own = pd.Series(probe.scores(X), index=ids).loc[expected.index]
    np.testing.assert_allclose(own, expected, atol=1e-4)


def test_prompts_are_those_of_the_file_with_their_labels_and_sides(real_run):
    folder, _, prompts, answers = real_run
    table = Run.open(folder).prompts
    labels = ["refusal", "refused_share", "wording", "label_source", "opening_characters"]
    assert list(table) == ["model", *PROMPTS, *labels]
    assert table["opening_characters"].tolist() == [len(a["response_opening"]) for a in answers]
    assert table["prompt"].tolist() == [p["prompt"] for p in prompts]
    assert table["harmful"].tolist() == [p["harmful"] for p in prompts]
    assert table["category"].tolist() == [p["category"] or "" for p in prompts]
    refused = [a["response_opening"].startswith("I'm sorry") for a in answers]
    assert (table["refusal"] == "refusal").tolist() == refused
    assert ((table["wording"] != "") == (table["refusal"] == "refusal")).all()
    split = pd.read_parquet(folder / "split.parquet").set_index("id")
    assert table["held_out"].tolist() == split.loc[table["id"], "held_out"].tolist()
    assert table["group"].tolist() == split.loc[table["id"], "group"].tolist()


def test_activations_that_are_not_there_are_one_sentence_that_says_how_to_get_them(real_run, tmp_path):
    folder, cache, _, _ = real_run
    with pytest.raises(ReportError, match="layer 3 at 'template_end' was not read; the run has layers 0, 2"):
        Run.open(folder, cache=cache).activations(3, "template_end")
    elsewhere = Run.open(folder, cache=tmp_path / "none")
    with pytest.raises(ReportError, match=r"does not hold the activations of layer 2 .* `unsinter extract "):
        elsewhere.activations(2, "template_end")
    assert not (tmp_path / "none").exists()


def test_a_shard_that_is_gone_or_another_s_identity_is_an_error_of_the_cache(real_run, tmp_path):
    folder, cache, _, _ = real_run
    copy = shutil.copytree(cache, tmp_path / "cache")
    for shard in copy.glob("*/shards/*.safetensors"):
        shard.unlink()
    with pytest.raises(CacheError, match=r"unsinter cache verify|is gone"):
        Run.open(folder, cache=copy).activations(2, "template_end")
    for file in copy.glob("*/identity.json"):
        file.write_text('{"weights": "other"}')
    with pytest.raises(CacheError, match="does not hold the identity that its folder is named after"):
        Run.open(folder, cache=copy).activations(2, "template_end")


def test_a_damaged_table_of_prompts_is_named(real_run, tmp_path):
    folder = shutil.copytree(real_run[0], tmp_path / "run")
    (folder / "prompts.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReportError, match=r"prompts.parquet is damaged"):
        _ = Run.open(folder).prompts
