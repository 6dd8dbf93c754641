"""Models that cannot be read as they stand are refused in one line that says what to give instead."""

import copy
import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from unsinter.features.model.loadable import check_model
from unsinter.features.model.model import ModelError, load_model, wrap_model


@pytest.fixture
def plain(zoo):
    """A tiny Llama as the library makes it, and its tokenizer."""
    return copy.deepcopy(zoo("llama").model), zoo("llama").tokenizer


class PeftModelForCausalLM(nn.Module):
    """What peft returns around a base model, as far as it can be told without peft."""

    def __init__(self, model):
        super().__init__()
        self.base_model = model

    def merge_and_unload(self):
        return self.base_model


class Engine(nn.Module):
    """What DeepSpeed and DDP look like from outside."""

    def __init__(self, model):
        super().__init__()
        self.module = model


class Lora(nn.Linear):
    """A layer with an adapter inside."""

    def __init__(self, layer):
        super().__init__(layer.in_features, layer.out_features, bias=False)
        self.lora_A, self.lora_B = nn.Linear(layer.in_features, 2), nn.Linear(2, layer.out_features)


def on_meta(model):
    return model.to("meta")


def partly_on_meta(model):
    layer = model.model.layers[1].mlp.up_proj
    layer.weight = nn.Parameter(layer.weight.to("meta"))
    return model


def on_disk(model):
    model.hf_device_map = {"model.embed_tokens": 0, "model.layers.2": "disk"}
    return partly_on_meta(model)


def brought_in_when_used(model):
    model.model.layers[0]._hf_hook = SimpleNamespace(hooks=[SimpleNamespace(offload=True)])
    return model


def with_adapter(model):
    model.model.layers[0].self_attn.q_proj = Lora(model.model.layers[0].self_attn.q_proj)
    return model


def in_bytes(model):
    layer = model.model.layers[0].mlp.up_proj
    layer.weight = nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    return model


def in_eight_bit_floats(model):
    layer = model.model.layers[0].mlp.up_proj
    layer.weight = nn.Parameter(layer.weight.to(torch.float8_e4m3fn), requires_grad=False)
    return model


def by_bitsandbytes(model):
    model.is_quantized = True
    model.config.quantization_config = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    return model


def compiled_inside(model):
    model.model.layers[1] = torch.compile(model.model.layers[1])
    return model


def compiled_in_place(model):
    model.compile()
    return model


def parallel_inside(model):
    model.model.layers[1] = nn.DataParallel(model.model.layers[1])
    return model


CASES = [
    (on_meta, "on the meta device .*load its weights"),
    (partly_on_meta, r"1 of its tensors are on the meta device \(such as model.layers.1.mlp.up_proj.weight"),
    (on_disk, "offloaded to disk .*load it whole, without device_map"),
    (brought_in_when_used, r"offloaded \(such as model.layers.0\).*load it whole"),
    (nn.DataParallel, "DataParallel is a model wrapped .*give model.module"),
    (Engine, "Engine is a model wrapped .*give model.module"),
    (torch.compile, "OptimizedModule is a model compiled with torch.compile; give model._orig_mod"),
    (compiled_inside, "model.layers.1 is compiled with torch.compile; give the model as it was before"),
    (compiled_in_place, "LlamaForCausalLM is compiled with torch.compile"),
    (parallel_inside, "model.layers.1 is wrapped in DataParallel; put its .module"),
    (PeftModelForCausalLM, r"PeftModelForCausalLM holds adapters .*give model.merge_and_unload\(\)"),
    (with_adapter, r"holds adapters \(such as at model.layers.0.self_attn.q_proj\).*merge"),
    (in_bytes, "quantised .*up_proj.weight is int8.*give the model it was made from"),
    (in_eight_bit_floats, "quantised .*up_proj.weight is float8_e4m3fn"),
    (by_bitsandbytes, r"quantised \(bitsandbytes\).*give the model it was made from"),
    (lambda model: SimpleNamespace(model=model), "SimpleNamespace is no model of transformers; give the one"),
    (lambda model: "a/folder", "str is no model of transformers; give a PreTrainedModel, or a folder"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("wrap", "message"), CASES)
def test_what_is_wrong_and_what_to_give_is_said_in_one_line(plain, wrap, message):
    model, tokenizer = plain
    with pytest.raises(ModelError, match=message) as caught:
        wrap_model(wrap(model), tokenizer, name="mine")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine: ")


def test_what_the_line_says_to_give_is_read(plain):
    model, tokenizer = plain
    expected = wrap_model(model, tokenizer, name="mine").identity
    models = [nn.DataParallel(model).module, torch.compile(model)._orig_mod]
    models.append(PeftModelForCausalLM(model).merge_and_unload())
    for whole in models:
        assert wrap_model(whole, tokenizer, name="mine").identity == expected


def test_a_model_all_on_one_device_of_a_map_is_read(plain):
    plain[0].hf_device_map = {"": "cpu"}
    assert wrap_model(*plain, name="mine").n_layers == 3


def test_a_processor_is_told_from_its_tokenizer(plain):
    model, tokenizer = plain
    with pytest.raises(ModelError, match=r"give its tokenizer \(processor.tokenizer\)"):
        wrap_model(model, SimpleNamespace(tokenizer=tokenizer), name="mine")
    with pytest.raises(ModelError, match="NoneType is no tokenizer"):
        wrap_model(model, None, name="mine")


def test_a_model_made_on_the_meta_device_is_refused(zoo):
    with torch.device("meta"):
        hollow = LlamaForCausalLM(LlamaConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2))
    with pytest.raises(ModelError, match="holds no numbers"):
        check_model(hollow, name="hollow")
    with pytest.raises(ModelError, match="device 'meta' holds no numbers"):
        load_model(zoo.folder("llama"), device="meta")


@pytest.fixture
def folder(zoo, tmp_path):
    return shutil.copytree(zoo.folder("llama"), tmp_path / "model")


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq", "fp8", "compressed-tensors"])
def test_a_quantised_folder_is_refused_before_its_weights_are_read(folder, method):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": method, "bits": 4}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"quantised \({method}\).*give the model it was made from"):
        load_model(folder)


def test_a_folder_with_an_adapter_or_gguf_alone_is_refused(folder):
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"holds a PEFT adapter; name the folder of its base model"):
        load_model(folder)
    (folder / "adapter_config.json").unlink()
    (folder / "model.safetensors").rename(folder / "model.gguf")
    with pytest.raises(ModelError, match="GGUF weights alone; give one with safetensors"):
        load_model(folder)


def test_an_ordinary_folder_is_still_read(folder):
    assert load_model(folder, device="cpu").n_layers == 3
    assert AutoTokenizer.from_pretrained(folder).eos_token_id == 2
