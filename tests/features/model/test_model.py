"""Loading: what is refused, what is verified, and what a model's identity depends on."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from unsinter.features.model.blocks import UnknownArchitectureError, locate_stack
from unsinter.features.model.memory import batch_bytes, estimate_memory
from unsinter.features.model.model import ModelError, load_model


def copy_of(zoo, name, folder):
    shutil.copytree(zoo.folder(name), folder, dirs_exist_ok=True)
    return folder


def load(folder, **options):
    return load_model(folder, **{"dtype": "float32", "device": "cpu", **options})


def test_an_architecture_that_cannot_be_verified_is_refused(zoo, refused):
    with pytest.raises(UnknownArchitectureError, match=r"no list of 3 blocks|could not be verified"):
        zoo(refused)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("config.json", "holds no config.json"),
        ("*.safetensors", "holds no weights"),
        ("tokenizer*", "holds no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(zoo, tmp_path, pattern, message):
    folder = copy_of(zoo, "llama", tmp_path)
    for file in folder.glob(pattern):
        file.unlink()
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere/at/all"])
def test_a_missing_folder_is_refused_by_name(name):
    with pytest.raises(ModelError, match="no such model folder"):
        load(name)


def test_a_name_that_no_hub_gives_is_one_line():
    with pytest.raises(ModelError, match="nobody/nothing: its config cannot be read") as caught:
        load("nobody/nothing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", "{not json", r"config.json: not valid JSON"),
        ("config.json", '{"model_type": "no_such_type"}', "its config cannot be read"),
        ("tokenizer.json", "{}", "its tokenizer cannot be read"),
        ("model.safetensors", "garbage", "its weights cannot be read"),
    ],
)
def test_a_damaged_file_is_one_line_that_says_which(zoo, tmp_path, file, content, message):
    folder = copy_of(zoo, "llama", tmp_path)
    (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_weights_that_lack_a_needed_tensor_are_refused(zoo, tmp_path):
    folder = copy_of(zoo, "llama", tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors that the model needs, such as 'model.layers.1.mlp"):
        load(folder)


def test_a_bad_dtype_or_device_is_refused(zoo):
    with pytest.raises(ModelError, match="dtype must be auto, float32"):
        load(zoo.folder("llama"), dtype="int8")
    with pytest.raises(ModelError, match="device 'nonsense' cannot be used"):
        load(zoo.folder("llama"), device="nonsense")


def test_identity_is_that_of_the_content_not_of_the_path(zoo, tmp_path):
    here = load(zoo.folder("llama"))
    there = load(copy_of(zoo, "llama", tmp_path))
    assert here.identity == there.identity
    assert here.name != there.name
    assert json.loads(json.dumps(dict(here.identity))) == here.identity


def test_an_untrained_pooler_does_not_change_the_identity(zoo):
    """A masked-language-model file has no pooler, so the loader draws one at random each time."""
    first, second = (load(zoo.folder("bert")) for _ in range(2))
    pooled = [m.model.pooler.dense.weight for m in (first, second)]
    assert not torch.equal(*pooled)
    assert first.identity == second.identity


def test_new_weights_at_the_same_path_are_another_identity(zoo, tmp_path):
    folder = copy_of(zoo, "llama", tmp_path)
    before = load(folder).identity
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.2.mlp.down_proj.weight"][0, 0] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    after = load(folder).identity
    assert {field for field in before if before[field] != after[field]} == {"weights"}


def test_each_thing_that_can_change_a_number_changes_its_own_field(zoo, tmp_path):
    folder = copy_of(zoo, "llama", tmp_path)
    before = load(folder).identity

    def changed():
        after = load(folder).identity
        return {field for field in before if before[field] != after[field]}

    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template + " ")
    assert changed() == {"chat_template"}
    (folder / "chat_template.jinja").write_text(template)
    assert changed() == set()

    config = json.loads((folder / "config.json").read_text())
    for name, value in (("rms_norm_eps", 1e-3), ("transformers_version", "0.0.0"), ("_name_or_path", "x")):
        (folder / "config.json").write_text(json.dumps({**config, name: value}))
        assert changed() == ({"config"} if name == "rms_norm_eps" else set()), name
    (folder / "config.json").write_text(json.dumps(config))

    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:-1]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert changed() == {"tokenizer"}


def test_another_dtype_is_another_identity(zoo):
    wide, narrow = (load(zoo.folder("llama"), dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert (wide.identity["dtype"], narrow.identity["dtype"]) == ("float32", "bfloat16")
    assert wide.identity["weights"] != narrow.identity["weights"]


def test_use_cache_is_left_to_models_that_share_keys_and_values(zoo):
    assert dict(zoo("gemma4").options) == {}
    assert dict(zoo("llama").options) == {"use_cache": False}


def test_a_model_whose_stream_depends_on_the_cache_is_left_its_cache(zoo, tmp_path):
    """A fault planted in the model: without a cache, the second block adds one."""
    model = load(copy_of(zoo, "llama", tmp_path))
    block = model.blocks[1]
    plain = block.forward

    def forward(hidden, *args, past_key_values=None, **kwargs):
        return plain(hidden, *args, past_key_values=past_key_values, **kwargs) + (past_key_values is None)

    block.forward = forward
    assert locate_stack(model.model).options == {}


def test_work_between_the_last_block_and_the_final_norm_is_refused(zoo, tmp_path):
    """Planted: something that is no module changes the stream after the last block."""
    model = load(copy_of(zoo, "llama", tmp_path))
    assert locate_stack(model.model).d_model == 32
    model.backbone.norm.register_forward_pre_hook(lambda _module, args: (args[0] + 1,))
    with pytest.raises(UnknownArchitectureError, match="neither the last block's output nor its norm"):
        locate_stack(model.model)


def test_work_between_two_blocks_is_refused(zoo, tmp_path):
    """Planted: the input of the second block is not what the model calls its hidden state."""
    model = load(copy_of(zoo, "llama", tmp_path))
    model.blocks[1].register_forward_pre_hook(lambda _module, args: (args[0] + 1, *args[1:]))
    with pytest.raises(UnknownArchitectureError, match=r"the input of block 2 is not hidden_states\[1\]"):
        locate_stack(model.model)


def test_the_context_counts_only_reachable_positions(zoo):
    assert zoo("llama").context == 128
    assert zoo("roberta").context == 127  # positions start after the padding index, here 0


def test_encoders_are_told_from_decoders_by_what_they_do(zoo):
    assert zoo("llama").is_causal
    assert zoo("llama").can_generate
    assert not zoo("bert").is_causal
    assert not zoo("t5").is_causal
    assert not zoo("bert").can_generate


def test_a_model_with_a_width_for_each_block_needs_room_for_its_widest():
    of_one = batch_bytes({"hidden_size": 16, "intermediate_size": 64}, item=4)
    assert batch_bytes({"hidden_size": 16, "intermediate_size": [32, 64, 48]}, item=4) == of_one
    with pytest.raises(ModelError, match=r"intermediate_size is .* which is no width"):
        batch_bytes({"intermediate_size": [32, "wide"]}, item=4)


def test_the_memory_estimate_counts_what_the_model_holds(zoo, tmp_path):
    model = zoo("llama")
    n = sum(parameter.numel() for parameter in model.model.parameters())
    stored = estimate_memory(zoo.folder("llama"))
    assert (stored.n_parameters, stored.weights) == (n, 4 * n)
    assert estimate_memory(zoo.folder("llama"), dtype="bfloat16").weights == 2 * n
    assert stored.total > stored.weights
    with pytest.raises(ModelError, match="no safetensors files"):
        estimate_memory(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"model.safetensors: not a readable safetensors file"):
        estimate_memory(tmp_path)
