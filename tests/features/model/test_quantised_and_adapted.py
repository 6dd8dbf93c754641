"""Models in fewer bits and with adapters merged: what is read is what the libraries themselves compute."""

import json
import shutil

import bitsandbytes
import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from unsinter.features.extract import extract
from unsinter.features.extract.extraction import ExtractionError
from unsinter.features.extract.in_memory import InMemoryStore
from unsinter.features.model.devices import check_device
from unsinter.features.model.load_options import LoadOptions
from unsinter.features.model.model import ModelError, load_model
from unsinter.features.model.random_weights import randomise_weights
from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import model_folder

# PEFT asks the model for something under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PROMPTS = [("a", "how do i bake bread"), ("b", "how do i pick a lock at night"), ("c", "tell me of rain")]


def load(**named):
    return load_model(model_folder("detached"), **{"dtype": "float32", **named})


def activations(model, rows):
    read = extract(model, rows, InMemoryStore(), layers=[1, 3, 6], positions=["template_end"])
    return np.stack([read.activations(layer, "template_end") for layer in read.layers])


@pytest.fixture(scope="module", params=["8bit", "4bit"])
def in_bits(request):
    return request.param, load(quantization=request.param)


def test_activations_are_those_of_the_librarys_own_quantised_model(in_bits, planted):
    bits, model = in_bits
    rows = render(PROMPTS, model)
    read = activations(model, rows)
    for number, row in enumerate(rows):
        with torch.inference_mode():
            hidden = model.model(torch.tensor([row.token_ids]), output_hidden_states=True).hidden_states
        np.testing.assert_allclose(read[:2, number], [hidden[n][0, -1] for n in (1, 3)], atol=1e-5)
    away = np.linalg.norm(read - activations(planted, rows)) / np.linalg.norm(read)
    assert 1e-4 < away < (0.05 if bits == "8bit" else 0.3)  # other numbers, of the same model


def test_a_row_in_few_bits_is_the_same_whatever_else_is_read(in_bits):
    _, model = in_bits
    rows = render(PROMPTS, model)
    together = activations(model, rows)
    alone = np.concatenate([activations(model, [row]) for row in rows], axis=1)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_an_answer_that_would_change_its_prompt_is_refused(in_bits):
    bits, model = in_bits
    rows = render(PROMPTS[:1], model, responses={"a": "with flour and water"})
    if bits == "4bit":
        assert activations(model, rows).shape[1] == 1
        return
    with pytest.raises(ExtractionError, match="prompt 'a': in 8 bits the tokens of an answer change"):
        activations(model, rows)


def test_bits_are_in_the_identity_with_a_digest_of_the_quantised_weights(in_bits, planted):
    bits, model = in_bits
    assert model.identity["quantization"].startswith(bits)
    assert model.identity["weights"] != planted.identity["weights"]
    assert load(quantization=bits).identity == model.identity


def test_no_control_with_random_weights_is_made_in_few_bits(in_bits):
    bits, model = in_bits
    with pytest.raises(ModelError, match=f"detached is read in {bits[0]} bits"):
        randomise_weights(model, seed=0)


def test_a_release_that_cannot_quantise_on_this_device_is_named(monkeypatch):
    monkeypatch.setattr(bitsandbytes, "supported_torch_devices", {"cuda"})  # as releases before 0.49 had it
    with pytest.raises(ModelError, match=r"quantization 8bit cannot be computed on cpu .*update it") as error:
        load(quantization="8bit", device="cpu")
    assert "\n" not in str(error.value)


def test_attention_is_what_was_named_and_in_the_identity(planted):
    eager = load(attention="eager")
    assert (planted.identity["attention"], eager.identity["attention"]) == ("sdpa", "eager")
    with pytest.raises(ModelError, match=r"flash_attention_2 .*(GPU with CUDA only|needs the package)"):
        load(attention="flash_attention_2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_named(name):
    with pytest.raises(ModelError, match=f"device '{name}' cannot be used: torch sees no GPU") as error:
        load(device=name)
    assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match="torch sees no GPU"):
        load(device_map={"model": 0, "lm_head": "cpu"})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_a_number_beyond_the_last_gpu_is_named():
    with pytest.raises(ModelError, match=r"device 'cuda:99' cannot be used: torch sees \d+ GPU"):
        check_device("cuda:99")
    assert load(quantization="4bit", device="cuda").device.type == "cuda"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"device": "cpu", "device_map": "auto"}, "name one of the two"),
        ({"quantization": "3bit"}, "quantization must be 8bit, 4bit or left out; got '3bit'"),
        ({"attention": "fast"}, "attention must be eager, sdpa, flash_attention_2"),
        ({"device_map": {"model": "gpu"}}, "device_map puts 'model' on 'gpu'; name cpu, disk"),
        ({"device_map": "both"}, "device_map must be auto, or a table"),
        ({"quantization": "4bit", "device_map": {"": "disk"}}, "cannot be kept on disk"),
        ({"adapter": "a", "quantization": "4bit"}, "an adapter is merged into weights as they are stored"),
        ({"adapter": "a", "device_map": "auto"}, "merged in the memory of one device"),
    ],
)
def test_what_cannot_be_or_cannot_go_together_is_one_line(named, message):
    with pytest.raises(ModelError, match=message):
        LoadOptions(**named)


@pytest.mark.parametrize("package", ["accelerate", "bitsandbytes", "peft"])
def test_a_missing_extra_is_named(package, monkeypatch):
    field = {"accelerate": {"device_map": "auto"}, "bitsandbytes": {"quantization": "8bit"}}
    monkeypatch.setattr(
        "unsinter.features.model.devices.find_spec", lambda name: None if name == package else True
    )
    with pytest.raises(ModelError, match=rf"needs the package {package}, .*pip install '\.\["):
        load(**field.get(package, {"adapter": "anywhere"}))


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter of the shipped model with weights drawn at random, and the logits of PEFT itself."""
    network = AutoModelForCausalLM.from_pretrained(model_folder("detached"), dtype=torch.float32)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    adapted = get_peft_model(network, config).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.1)
    folder = tmp_path_factory.mktemp("adapter")
    adapted.save_pretrained(folder)
    with torch.inference_mode():
        hidden = adapted(torch.arange(20)[None], output_hidden_states=True).hidden_states
    return folder, hidden


def test_a_merged_adapter_gives_the_stream_that_peft_computes_unmerged(adapter):
    folder, hidden = adapter
    model = load(adapter=folder)
    with torch.inference_mode():
        own = model.model(torch.arange(20)[None], output_hidden_states=True).hidden_states
    torch.testing.assert_close(own[4], hidden[4], atol=1e-4, rtol=0)


def test_an_adapter_is_in_the_identity_by_content(adapter, planted, tmp_path):
    folder, _ = adapter
    model = load(adapter=folder)
    changed = {k for k in model.identity if model.identity[k] != planted.identity.get(k)}
    assert changed == {"weights", "adapter"}
    there = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((there / "adapter_config.json").read_text())
    (there / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "elsewhere"}))
    assert load(adapter=there).identity == model.identity
    (there / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 16}))
    assert load(adapter=there).identity["adapter"] != model.identity["adapter"]


def resaved(folder, there, change):
    shutil.copytree(folder, there)
    weights = load_file(there / "adapter_model.safetensors")
    save_file(change(weights), there / "adapter_model.safetensors", metadata={"format": "pt"})
    return there


def first_block_alone(weights):
    return {name: value for name, value in weights.items() if "layers.0." in name}


def of_a_deeper_model(weights):
    return weights | {
        n.replace("layers.0.", "layers.9."): w.clone() for n, w in weights.items() if "layers.0." in n
    }


def wider(weights):
    return {name: torch.cat([w, w], dim=1) if "lora_A" in name else w for name, w in weights.items()}


@pytest.mark.parametrize("change", [first_block_alone, of_a_deeper_model, wider])
def test_an_adapter_of_another_model_is_refused(adapter, tmp_path, change):
    """PEFT itself takes the first two: what it does not find stays as it was drawn, what is too much goes."""
    there = resaved(adapter[0], tmp_path / "other", change)
    with pytest.raises(ModelError, match=r"the adapter .* does not fit this model \(.*trained on") as error:
        load(adapter=there)
    assert "\n" not in str(error.value)


def test_what_is_no_adapter_or_cannot_be_merged_is_refused_by_name(adapter, tmp_path):
    folder, _ = adapter
    with pytest.raises(ModelError, match="no such folder"):
        load(adapter=tmp_path / "nowhere")
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"holds no adapter_model.safetensors \(a pickle is not opened\)"):
        load(adapter=pickled)
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    network = AutoModelForCausalLM.from_pretrained(model_folder("detached"))
    get_peft_model(network, config).save_pretrained(tmp_path / "prompt")
    with pytest.raises(ModelError, match="PROMPT_TUNING adds tokens and changes no weight"):
        load(adapter=tmp_path / "prompt")
