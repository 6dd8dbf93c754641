"""Small files of a model folder that would take hours, or end the library that reads them: one sentence."""

import json
import shutil

import pytest

from unsinter.features.model.folder import ModelError
from unsinter.features.model.memory import estimate_memory
from unsinter.features.model.model import load_model
from unsinter.features.rendering.encoding import encode
from unsinter.features.rendering.template_input import RenderError
from unsinter.studies.planted import model_folder

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path):
    """A writable copy of a shipped model."""
    return shutil.copytree(model_folder("detached"), tmp_path / "model")


def put(folder, name, **fields):
    """Change fields of a JSON file."""
    table = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(table | fields), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("config.json", {"num_hidden_layers": 10**9}, "names 1,000,000,000 blocks"),
        ("config.json", {"architectures": [1]}, "architectures: '\\[1\\]' is no list of names"),
        ("config.json", {"architectures": "LlamaForCausalLM"}, "is no list of names"),
        ("tokenizer_config.json", {"model_max_length": "x"}, "model_max_length: 'x' is no length"),
        ("tokenizer_config.json", {"model_max_length": -1}, "model_max_length: '-1' is no length"),
        ("tokenizer.json", {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
         "its tokenizer cannot be read: Precompiled"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_in_one_sentence(folder, name, fields, words):
    put(folder, name, **fields)
    with pytest.raises(ModelError, match=words) as raised:
        load_model(folder)
    assert "\n" not in str(raised.value)


def test_a_tokenizer_that_gives_up_on_a_text_is_named(folder):
    single = [{"SpecialToken": {"id": "nope", "type_id": 0}}]
    processor = {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {}}
    put(folder, "tokenizer.json", post_processor=processor)
    with pytest.raises(
        RenderError, match=r"model: its tokenizer cannot read a text \(.*\); repair tokenizer"
    ):
        encode(load_model(folder), ["How do I bake bread?"], specials=True)


@pytest.mark.parametrize(
    "header",
    [b"[1]", b'{"a": 5}', b'{"a": {}}', b"[" * 50_000, b'{"a": {"dtype": [], "shape": [1]}}',
     b'{"a": {"dtype": "F32", "shape": "ab"}}', b'{"a": {"dtype": "F32", "shape": [-1]}}',
     b'{"a": {"dtype": "F32", "shape": [1.5]}}', b'{"a": {"dtype": "F32", "shape": ' + b"9" * 5000 + b"}}"],
)  # fmt: skip
def test_a_header_of_weights_that_is_none_is_named(folder, header):
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match=r"model\.safetensors: not a readable safetensors file") as raised:
        estimate_memory(folder)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("width", ["x", ["x"], [-1], -1, 1.5, 10**400])
def test_a_width_that_is_none_is_named(folder, width):
    put(folder, "config.json", hidden_size=width)
    with pytest.raises(ModelError, match="hidden_size"):
        estimate_memory(folder)
