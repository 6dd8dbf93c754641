"""Models that code of their own folder makes: read where the caller allows it, kept apart in the cache."""

import json
import logging
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from unsinter.features.extract import in_memory
from unsinter.features.model.model import ModelError, load_model
from unsinter.features.model.own_code import code_digest
from unsinter.features.model.random_weights import randomise_weights
from unsinter.features.rendering.rendering import render


@pytest.fixture
def tilted(zoo, tilt, tmp_path):
    return tilt(shutil.copytree(zoo.folder("llama"), tmp_path / "tilted"))


def change(folder, **fields):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | fields), encoding="utf-8")


def test_its_stream_is_that_of_its_own_code_and_not_of_the_class_that_the_library_has(tilted, zoo, caplog):
    with caplog.at_level(logging.WARNING):
        model = load_model(tilted, dtype="float32", device="cpu", own_code=True)
    assert "Python code of this folder runs: configuration_tilted.py, modeling_tilted.py" in caplog.text
    rows = render([("a", "a short prompt"), ("b", "another one, and longer than that")], model)
    read = in_memory.read_site(model, rows, layer=2, position="template_end")
    plain = in_memory.read_site(zoo("llama"), rows, layer=2, position="template_end")
    own = AutoModelForCausalLM.from_pretrained(tilted, trust_remote_code=True, dtype=torch.float32).eval()
    for values, row in zip(read, rows, strict=True):
        with torch.inference_mode():
            states = own(torch.tensor([row.token_ids]), output_hidden_states=True).hidden_states
        torch.testing.assert_close(torch.tensor(values), states[2][0, -1], atol=1e-5, rtol=0)
    assert abs(read - plain).max() > 0.01
    assert AutoTokenizer.from_pretrained(tilted).get_vocab() == model.tokenizer.get_vocab()


def test_the_code_is_part_of_what_the_model_is(tilted):
    first = load_model(tilted, dtype="float32", device="cpu", own_code=True).identity
    again = load_model(tilted, dtype="float32", device="cpu", own_code=True).identity
    code = tilted / "modeling_tilted.py"
    code.write_text(code.read_text(encoding="utf-8").replace("2.0", "3.0"), encoding="utf-8")
    edited = load_model(tilted, dtype="float32", device="cpu", own_code=True)
    assert first == again
    assert {name for name in first if first[name] != edited.identity[name]} == {"code"}
    assert randomise_weights(edited, seed=0).identity["code"] == edited.identity["code"]


def test_a_file_of_code_at_another_place_of_the_folder_is_another_code(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "one.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "a" / "one.py").write_text("x = 2", encoding="utf-8")
    files = tuple(sorted(tmp_path.rglob("*.py")))
    before = code_digest(str(tmp_path), files)
    moved = (tmp_path / "a" / "one.py").rename(tmp_path / "a" / "two.py")
    assert code_digest(str(tmp_path), (moved, tmp_path / "one.py")) != before
    moved.replace(tmp_path / "a" / "one.py")
    assert code_digest(str(tmp_path), files) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert code_digest(str(tmp_path), tuple(sorted(tmp_path.rglob("*.py")))) != before


def test_without_the_callers_word_it_is_refused_with_what_to_do(tilted):
    with pytest.raises(
        ModelError, match=r"cannot be read.*code of its own \(configuration_tilted.py\), which never"
    ):
        load_model(tilted)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"auto_map": None}, "names no code of its own"),
        ({"auto_map": {"AutoConfig": "other/place--configuration_tilted.TiltedConfig"}}, "never fetched"),
        ({"auto_map": {"AutoTokenizer": ["other/place--tok.Tok", None]}}, "never fetched"),
    ],
)
def test_code_that_is_not_there_or_would_be_fetched_is_refused_before_any_runs(tilted, fields, reason):
    change(tilted, **fields)
    with pytest.raises(ModelError, match=reason):
        load_model(tilted, own_code=True)


def test_a_name_on_a_hub_and_a_folder_without_the_files_are_refused(tilted):
    with pytest.raises(ModelError, match="from a local folder alone"):
        load_model("some/model", own_code=True)
    for file in tilted.glob("*.py"):
        file.unlink()
    with pytest.raises(ModelError, match="that the folder does not hold"):
        load_model(tilted, own_code=True)
