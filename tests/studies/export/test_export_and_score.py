"""From a finished run to new text: export any site, load the model, get the run's own scores again."""

import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from unsinter.cache.inventory import Inventory, files_below
from unsinter.features.extract.in_memory import read_site
from unsinter.features.model.model import ModelError, load_model
from unsinter.features.rendering.rendering import render
from unsinter.probes.files.export import load_probe, read_examples, save_probe
from unsinter.probes.files.exported import ProbeFileError
from unsinter.studies.cli.commands.export import ExportRequest, export_verb
from unsinter.studies.planted import model_folder
from unsinter.studies.run.run import run_study
from unsinter.studies.scoring.inputs import InputText
from unsinter.studies.scoring.score import ScoreRequest, score_texts, score_verb
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings, silent


@pytest.fixture(scope="module")
def finished(tmp_path_factory, few_prompts):
    """A run of one model at four sites."""
    folder = tmp_path_factory.mktemp("finished")
    prompts = few_prompts[:300]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompts), encoding="utf-8")
    models = [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}]
    study = {
        "name": "small", "models": models, "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D", "C"],
        "positions": ["template_end", "instruction_mean"], "layers": [0, 2], "penalties": [0.01],
        "bootstrap_draws": 100, "min_groups": 5, "inner_folds": 2,
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run_study(load_study(folder / "study.yaml"), Settings(folder=folder / "run", cache_root=folder / "cache"))
    return folder / "run"


def export(run, out, target="D", *, model="tiny", formats="safetensors", **site):
    export_verb(ExportRequest(run=run, target=target, model=model, formats=formats, out=out, **site))
    (path,) = out.rglob("probe.safetensors")
    return path


def score(probe, model, *texts, **changes):
    options = {"stdin": io.BytesIO(), "as_json": True} | changes
    return score_verb(ScoreRequest(probe=probe, model=model, texts=texts, **options), progress=silent)


@pytest.mark.parametrize(
    ("target", "site", "model"),
    [
        ("D", {}, "tiny"),
        ("D", {"layer": 2, "position": "instruction_mean"}, "tiny"),
        ("C", {"layer": 0, "position": "instruction_mean"}, "tiny"),
        ("C", {}, None),
    ],
)
def test_new_text_gets_the_scores_that_the_run_gave_it(finished, tmp_path, few_prompts, target, site, model):
    path = export(finished, tmp_path, target, model=model, formats="safetensors,onnx,sklearn", **site)
    card = load_probe(path).card
    table = pd.read_parquet(finished / "predictions.parquet")
    is_site = (table["layer"] == card["layer"]) & (table["position"] == card["position"])
    table = table[is_site & (table["target"] == target)]
    texts = {p["id"]: p["prompt"] for p in few_prompts}
    ids = list(dict.fromkeys(table["id"]))[::-1]
    lines = io.BytesIO("".join(json.dumps({"id": i, "prompt": texts[i]}) + "\n" for i in ids).encode())
    result = [json.loads(line) for line in score(path, "planted:detached", file="-", stdin=lines)]
    assert [line["id"] for line in result] == ids
    scores = {(line["id"], name): value for line in result for name, value in line["scores"].items()}
    expected = dict(zip(zip(table["id"], table["class"], strict=True), table["score"], strict=True))
    assert scores.keys() == expected.keys()
    for key, value in expected.items():
        assert abs(scores[key] - value) < 2e-3, key


def test_the_exported_site_is_the_selected_one_unless_another_is_named(finished, tmp_path):
    chosen = pd.read_parquet(finished / "results.parquet").query(
        "model == 'tiny' and target == 'D' and selected"
    )
    card = load_probe(export(finished, tmp_path)).card
    assert (card["layer"], card["position"]) == (chosen["layer"].item(), chosen["position"].item())
    assert card["measured"]["score"] == chosen["score"].item()
    assert card["licences"] == [{"source": "planted", "licence": "Apache-2.0", "prompts": 300}]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": "big"}, "no model 'big'; name one with --model: tiny"),
        ({"target": "R"}, "tiny has no probe for target 'R'; it has C, D"),
        (
            {"layer": 1, "position": "template_end"},
            "layer 1 at 'template_end' was not fitted; layers 0, 2 at",
        ),
        ({"layer": 2}, "--layer and --position go together"),
        ({"tuned": True}, "no probe was tuned"),
        ({"formats": "pickle"}, "--format takes safetensors, onnx, sklearn"),
    ],
)
def test_what_the_run_does_not_hold_is_answered_with_what_it_does(finished, tmp_path, options, match):
    with pytest.raises(StudyError, match=match):
        export(finished, tmp_path, **options)
    assert not list(tmp_path.rglob("probe*"))


def test_of_several_models_one_must_be_named(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    study = yaml.safe_load((run / "study.yaml").read_text())
    summary = json.loads((run / "summary.json").read_text())
    study["models"].append(study["models"][0] | {"name": "twin"})
    summary["models"]["twin"] = summary["models"]["tiny"]
    (run / "study.yaml").write_text(yaml.safe_dump(study))
    (run / "summary.json").write_text(json.dumps(summary))
    Inventory.of(run, files_below(run)).write()
    with pytest.raises(StudyError, match="several models; name one with --model: tiny, twin"):
        export(run, tmp_path / "out", model=None)


def test_weights_of_other_settings_are_not_exported_under_these_results(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"split_digest": "0" * 64}))
    Inventory.of(run, files_below(run)).write()
    with pytest.raises(StudyError, match="weights of another run than the tables beside it"):
        export(run, tmp_path / "out")
    (run / "summary.json").unlink()
    with pytest.raises(StudyError, match=r"holds no finished run \(summary\.json is missing\)"):
        export(run, tmp_path / "out")


@pytest.fixture(scope="module")
def probe_file(finished, tmp_path_factory):
    return export(finished, tmp_path_factory.mktemp("probe"), layer=2, position="template_end")


def test_a_line_holds_score_probability_decision_and_text_in_the_order_given(finished, probe_file):
    texts = ["How do I open\tmy own\nlock?", "x" * 200, "How do I open\tmy own\nlock?"]
    lines = [line.split("\t") for line in score(probe_file, "planted:detached", *texts, as_json=False)]
    assert [line[3] for line in lines] == ["How do I open my own lock?", "x" * 60 + "...", lines[0][3]]
    assert lines[0] == lines[2]
    results = pd.read_parquet(finished / "results.parquet")
    (site,) = results.query("target == 'D' and layer == 2 and position == 'template_end'").to_dict("records")
    for value, probability, decision, _ in lines:
        odds = site["calibration_slope"] * float(value) + site["calibration_intercept"]
        assert abs(float(probability) - 1 / (1 + np.exp(-odds))) < 1e-3
        assert decision == ("harmful" if float(value) > site["threshold"] else "harmless")


def test_scores_of_texts_are_those_of_their_extracted_activations(probe_file):
    model = load_model(model_folder("detached"), dtype="float32")
    probe = load_probe(probe_file)
    texts = ["one", "two words", "one"]
    X = read_site(
        model, render([(str(i), t) for i, t in enumerate(texts)], model), layer=2, position="template_end"
    )
    result = score_texts(probe, model, [InputText(row=i, id=None, text=t) for i, t in enumerate(texts)])
    np.testing.assert_allclose([line.scores[0] for line in result], probe.scores(X), atol=1e-4)


def test_the_model_is_loaded_in_the_probes_own_dtype(tmp_path, probe_file):
    probe, model = load_probe(probe_file), load_model(model_folder("detached"), dtype="bfloat16")
    with pytest.raises(ProbeFileError, match=r"in bfloat16, the probe's in float32 \(load it in float32\)"):
        score_texts(probe, model, [InputText(row=1, id=None, text="one")])
    facts = {name: probe.card[name] for name in ("target", "layer", "position", "template")}
    half = replace(probe, card={**facts, "model": {"name": "half", **model.identity}})
    save_probe(tmp_path / "half.safetensors", half, examples=read_examples(probe_file)[0])
    (line,) = score(tmp_path / "half.safetensors", "planted:detached", "one two")
    X = read_site(model, render([("0", "one two")], model), layer=2, position="template_end")
    assert abs(json.loads(line)["scores"]["harmful"] - half.scores(X)[0]) < 1e-6


def test_text_is_rendered_as_the_study_rendered_its_prompts(probe_file):
    model, probe = load_model(model_folder("detached"), dtype="float32"), load_probe(probe_file)
    bare = replace(probe, card={**probe.card, "template": "raw"})
    (result,) = score_texts(bare, model, [InputText(row=1, id=None, text="one two")])
    X = read_site(model, render([("0", "one two")], model, template="raw"), layer=2, position="template_end")
    assert abs(result.scores[0] - probe.scores(X)[0]) < 1e-5
    (in_chat,) = score_texts(probe, model, [InputText(row=1, id=None, text="one two")])
    assert abs(result.scores[0] - in_chat.scores[0]) > 1e-2


def damaged(tmp_path, change):
    folder = shutil.copytree(model_folder("detached"), tmp_path / "model")
    change(folder)
    return str(folder)


def other_template(folder):
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("user", "human"), encoding="utf-8")


def unreadable_weights(folder):
    (folder / "model.safetensors").write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (other_template, ProbeFileError, "does not fit: another chat template"),
        # Told although the weights could not even be read: the check comes first.
        (
            lambda folder: (other_template(folder), unreadable_weights(folder)),
            ProbeFileError,
            "another chat template",
        ),
        (unreadable_weights, ModelError, "its weights cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), ModelError, "no config.json"),
    ],
)
def test_another_template_is_refused_before_weights_are_read(tmp_path, probe_file, change, error, match):
    with pytest.raises(error, match=match):
        score(probe_file, damaged(tmp_path, change), "text")


def test_another_model_with_the_same_tokenizer_is_refused(tmp_path, probe_file):
    def one_weight(folder):
        tensors = load_file(folder / "model.safetensors")
        name = next(name for name in tensors if name.endswith("down_proj.weight"))
        tensors[name] = np.where(
            np.arange(tensors[name].size).reshape(tensors[name].shape) == 0, 1, tensors[name]
        )
        tensors[name] = tensors[name].astype(np.float16)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ProbeFileError, match="does not fit: another weights"):
        score(probe_file, damaged(tmp_path, one_weight), "text")


def test_a_probe_of_an_answers_token_cannot_score_a_prompt(probe_file):
    probe = load_probe(probe_file)
    answering = replace(probe, card={**probe.card, "position": "response_2"})
    model = load_model(model_folder("detached"), dtype="float32")
    with pytest.raises(ProbeFileError, match="reads 'response_2', a token of the answer"):
        score_texts(answering, model, [InputText(row=1, id=None, text="one")])


def test_the_command_line_exports_and_scores_standard_input(finished, tmp_path, unsinter):
    site = ("--layer", 2, "--position", "template_end", "--format", "safetensors,onnx,sklearn")
    done = unsinter("export", finished, "--target", "D", "--model", "tiny", *site, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("probe.onnx", "probe.skops", "README.md"))
    (probe,) = (tmp_path / "out").rglob("probe.safetensors")
    command = [sys.executable, "-c", "from unsinter.studies.cli import app; app()"]
    arguments = ["score", str(probe), "-", "--model", "planted:detached"]
    scored = subprocess.run(
        [*command, *arguments], input="one\ntwo words\n", text=True, capture_output=True, timeout=300
    )
    assert scored.returncode == 0, scored.stderr
    assert scored.stdout.splitlines() == score(probe, "planted:detached", "one", "two words", as_json=False)


def test_a_wrong_model_on_the_command_line_is_one_line(probe_file, refused):
    refused("score", probe_file, "--model", "planted:sintered", "--text", "x",
            parts=("the probe for D of tiny does not fit", "another tokenizer"))  # fmt: skip
