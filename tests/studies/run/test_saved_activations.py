"""A study of activations that were saved elsewhere is the study of the model that they came from."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file

from unsinter.studies import Run, Settings, load_study, run_study
from unsinter.studies.activations.saved_arrays import open_arrays
from unsinter.studies.cli.commands.forecast import forecast_study
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.file import StudyError

LAYERS, POSITION = (0, 2), "template_end"
FEW = {
    "control_task": False,
    "shuffled": False,
    "code_length": False,
    "layer0_mean": False,
    "random_model": False,
    "permutations": 0,
}
"""Controls that a study does without."""

ARRAYS = {"path": "arrays/layer{layer}-{position}.npy", "ids": "arrays/ids.csv"}


@pytest.fixture
def answers(tmp_path, few_prompts):
    """Recorded answers: half of the harmful prompts and a few of the harmless ones are refused."""
    lines = []
    for number, prompt in enumerate(few_prompts):
        refuses = number % 2 == 0 if prompt["harmful"] else number % 5 == 0
        opening = "I cannot help with that." if refuses else "Sure. First, take a bowl."
        lines.append(
            {"id": f"a{number}", "prompt_id": prompt["id"], "model": "m", "response_opening": opening}
        )
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return {"path": ["answers.jsonl"], "model": "m"}


@pytest.fixture
def extracted(write_study, tmp_path, answers):
    """A run that read the planted model itself, without what needs the model beyond its activations."""
    study = write_study(
        targets=["D", "R"],
        responses=answers,
        controls=FEW | {"layer0_mean": True},
        separation={"pairs": ["D-R"], "draws": 100, "splits": 1, "erased_contrasts": 0},
        positions=["instruction_mean", POSITION],
    )
    run_study(load_study(study), Settings(folder=tmp_path / "extracted"))
    return Run.open(tmp_path / "extracted")


def save_arrays(run, folder, *, backwards=True):
    """Save every site of a run as its own array, rows in an order of their own."""
    folder.mkdir(exist_ok=True)
    for layer in LAYERS:
        for position in ("instruction_mean", POSITION):
            ids, X = run.activations(layer, position)
            order = slice(None, None, -1 if backwards else 1)
            np.save(folder / f"layer{layer}-{position}.npy", X[order])
    pd.DataFrame({"id": ids[order]}).to_csv(folder / "ids.csv", index=False)


def with_arrays(path, /, name="saved", **more):
    """Write the study anew as one of saved arrays."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    table["models"] = [{"name": "tiny", "path": "someone/model", "activations": ARRAYS | more}]
    other = path.with_name(f"{name}.yaml")
    other.write_text(yaml.safe_dump(table), encoding="utf-8")
    return other


@pytest.fixture
def small(tmp_path, write_study, few_prompts):
    """A study of saved arrays with a few random numbers for each prompt."""
    write_study(targets=["D"])
    folder = tmp_path / "arrays"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for layer in LAYERS:
        np.save(folder / f"layer{layer}-{POSITION}.npy", rng.normal(size=(len(few_prompts), 6)).astype("f4"))
    pd.DataFrame({"id": [p["id"] for p in few_prompts]}).to_csv(folder / "ids.csv", index=False)
    return folder


def test_a_run_of_saved_arrays_equals_the_run_that_extracted_them(extracted, tmp_path):
    save_arrays(extracted, tmp_path / "arrays")
    study = with_arrays(tmp_path / "study.yaml")
    run_study(load_study(study), Settings(folder=tmp_path / "saved"))
    saved = Run.open(tmp_path / "saved")
    for name in ("results", "floors", "predictions", "transfer", "verdicts"):
        pd.testing.assert_frame_equal(extracted.table(name), saved.table(name))
    assert len(saved.results) == 8
    assert len(saved.verdicts) == 4
    for layer in LAYERS:
        for mine, theirs in zip(
            extracted.activations(layer, POSITION), saved.activations(layer, POSITION), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
    X = saved.activations(2, POSITION).values
    np.testing.assert_array_equal(extracted.probe("D").scores(X), saved.probe("D").scores(X))


def test_what_cannot_be_had_without_the_model_is_said_and_other_arrays_are_another_run(
    small, tmp_path, unsinter
):
    study = with_arrays(tmp_path / "study.yaml")
    wanted = FEW | {"layer0_mean": True, "random_model": True}
    overrides = [f"controls={json.dumps(wanted)}"]
    settings = Settings(folder=tmp_path / "saved")
    summary = run_study(load_study(study, overrides=overrides), settings)
    run = Run.open(tmp_path / "saved")
    assert run.results["layer0_mean"].isna().all()
    assert run.results["random_model"].isna().all()
    words = summary["models"]["tiny"]["extraction"]["not_had"]
    codes = summary["models"]["tiny"]["reasons"]
    assert set(words) == {"layer0_mean", "random_model"}
    for floor, text in words.items():
        assert f"{Reason.from_json(codes[f'extraction.not_had.{floor}'])}." == text
    page = (tmp_path / "saved" / "report.html").read_text(encoding="utf-8")
    assert "untrained weights tells: saved activations do not have it" in page
    assert "mean token embedding tells: saved activations do not have it" in page
    assert run_study(load_study(study, overrides=overrides), settings) == summary
    array = small / f"layer2-{POSITION}.npy"
    np.save(array, np.load(array) * 2)
    again = run_study(load_study(study, overrides=overrides), settings)
    assert again["models"]["tiny"]["identity"] != summary["models"]["tiny"]["identity"]

    export = unsinter("export", tmp_path / "saved", "--target", "D", "--out", tmp_path / "exports")
    assert export.returncode == 0, export.stderr
    (probe,) = (tmp_path / "exports").glob("*/probe.safetensors")
    card = json.loads(probe.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["model"]["hook_site"] == "saved activations"
    refused = unsinter("score", probe, "--model", "planted:detached", "--text", "hello")
    assert refused.returncode == 2
    assert "was fitted on saved activations" in refused.stderr
    filled = unsinter("extract", study)
    assert filled.returncode == 0, filled.stderr
    known = unsinter("doctor", "--study", study)
    assert "saved activations, nothing is extracted" in known.stdout


def refusal(tmp_path, **more):
    """Return what a study of saved arrays is refused with."""
    study = load_study(with_arrays(tmp_path / "study.yaml", **more))
    with pytest.raises(StudyError) as error:
        run_study(study, Settings(folder=tmp_path / "saved"))
    assert not (tmp_path / "saved").exists()
    assert str(error.value).count("\n") == 0
    return str(error.value)


def number(shape=None, dtype="f4"):
    return lambda path, old: np.save(path, np.zeros(shape or old.shape, dtype=dtype))


def with_nan(path, old):
    old[3, 1] = np.nan
    np.save(path, old)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path, old: path.unlink(), "layer2-template_end.npy, does not exist; save it"),
        (number(dtype="f8"), "of float64; save a matrix (rows, width) of float32"),
        (number(dtype="i4"), "of int32; save a matrix"),
        (number(shape=(3, 6)), "is 3 x 6 of float32;"),
        (number(shape=(4,)), "is 4 of float32; save a matrix"),
        (with_nan, "row 3 (id 'planted-"),
        (lambda path, old: path.write_bytes(b"\x93NUMPY no"), "cannot be read"),
        (lambda path, old: np.save(path, np.array([[None] * 6] * 3), allow_pickle=True), "cannot be read"),
    ],
)
def test_an_array_that_cannot_be_is_refused_in_one_sentence(small, tmp_path, damage, words):
    path = small / f"layer2-{POSITION}.npy"
    damage(path, np.load(path))
    message = refusal(tmp_path)
    assert words in message
    assert "layer2-template_end.npy" in message


def test_prompts_without_a_row_are_an_error_unless_they_are_to_be_dropped(small, tmp_path, few_prompts):
    ids = pd.read_csv(small / "ids.csv")
    ids.loc[5, "id"] = "somebody-else"
    ids.to_csv(small / "ids.csv", index=False)
    assert f"1 prompts have no row in {small / 'ids.csv'}, the first is {few_prompts[5]['id']!r}" in refusal(
        tmp_path
    )
    study = load_study(
        with_arrays(tmp_path / "study.yaml", missing="drop"),
        overrides=[f"controls={json.dumps(FEW)}", "targets=[D]"],
    )
    summary = run_study(study, Settings(folder=tmp_path / "saved"))
    assert summary["models"]["tiny"]["extraction"]["dropped"] == [few_prompts[5]["id"]]
    assert len(Run.open(tmp_path / "saved").activations(2, POSITION).ids) == len(few_prompts) - 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("id\nx\nx\n", "id 'x' stands there twice"),
        ("name\nx\n", "there is no column 'id'; it has name"),
        ("id\nx\n", "none of the"),
        ("id,n\nx,1\n,2\n", "has no id"),
    ],
)
def test_a_table_of_ids_that_cannot_be_is_refused(small, tmp_path, table, words):
    (small / "ids.csv").write_text(table, encoding="utf-8")
    assert words in refusal(tmp_path)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"path": "a-{position}.npy", "ids": "arrays/ids.csv"}, "must hold {layer}"),
        ({"path": "a-{layer}-{step}.npy", "ids": "arrays/ids.csv"}, "{step} is no part of a site"),
        ({"path": "a-{layer:03}.npy", "ids": "arrays/ids.csv"}, "braces hold a name alone"),
        ({"path": "a-{layer}.pt", "ids": "arrays/ids.csv"}, "must end in .npy or .safetensors"),
        ({"path": "a-{layer}.npy", "tensor": "{layer}", "ids": "arrays/ids.csv"}, "holds one array"),
        ({"path": "a-{layer}.npy", "ids": "absent.csv"}, "activations.ids names"),
        ({"path": "a-{layer}.npy"}, "activations.ids"),
    ],
)
def test_a_section_that_cannot_be_is_refused(small, tmp_path, section, words):
    path = with_arrays(tmp_path / "study.yaml")
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    table["models"][0]["activations"] = section
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        load_study(path)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("models.0.dtype=float32", ""),
        ("responses={}", "cannot answer the prompts"),
    ],
)
def test_a_model_that_is_not_loaded_is_not_asked(small, tmp_path, change, words):
    path = with_arrays(tmp_path / "study.yaml")
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    if words:
        table["responses"] = {}
    else:
        table["models"][0]["dtype"] = "float32"
        words = "dtype says how a model is loaded"
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    with pytest.raises(StudyError) as error:
        load_study(path)
    assert words in str(error.value)


def test_layers_are_those_that_were_saved_and_must_agree_between_positions(small, tmp_path):
    source = load_study(with_arrays(tmp_path / "study.yaml")).models[0].activations
    assert open_arrays("tiny", source, layers="all", positions=[POSITION]).layers == LAYERS
    np.save(small / "layer2-other.npy", np.zeros((3, 6), "f4"))
    with pytest.raises(StudyError, match="layer 0 has an array at one of the positions"):
        open_arrays("tiny", source, layers="all", positions=[POSITION, "other"])
    with pytest.raises(StudyError, match="fits no file for position 'nowhere'"):
        open_arrays("tiny", source, layers="all", positions=["nowhere"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_one_safetensors_file_are_read_bit_for_bit(small, tmp_path, few_prompts, dtype):
    values = {layer: torch.randn(len(few_prompts), 6).to(dtype) for layer in LAYERS}
    save_file({f"{POSITION}/{layer}": value for layer, value in values.items()}, small / "all.safetensors")
    path = with_arrays(tmp_path / "study.yaml", path="arrays/all.safetensors", tensor="{position}/{layer}")
    study = load_study(path, overrides=["layers=all", f"controls={json.dumps(FEW)}", "targets=[D]"])
    run_study(study, Settings(folder=tmp_path / "saved"))
    run = Run.open(tmp_path / "saved")
    for layer, value in values.items():
        np.testing.assert_array_equal(run.activations(layer, POSITION).values, value.float().numpy())


def test_a_number_of_prompts_is_not_predicted_for_activations_that_have_their_own(tmp_path, small):
    study = with_arrays(tmp_path / "study.yaml")
    with pytest.raises(StudyError, match=r"^--prompts 5,000 cannot be predicted for tiny: saved activations"):
        forecast_study(study, n_prompts=5000)
    assert len(forecast_study(study)) == 1
