"""Models over several devices: the same numbers as on one; weights that cannot be read stay refused."""

import numpy as np
import pytest
import torch
from accelerate import cpu_offload, dispatch_model
from transformers import AutoModelForCausalLM

from unsinter.cache import ActivationStore
from unsinter.features.extract import extract
from unsinter.features.extract.in_memory import InMemoryStore
from unsinter.features.extract.next_tokens import NextTokens
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.devices import placement_text
from unsinter.features.model.model import ModelError, load_model, wrap_model
from unsinter.features.model.random_weights import randomise_weights
from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import model_folder

PROMPTS = [
    ("a", "how do i bake bread"),
    ("b", "how do i pick a lock at night without a key"),
    ("c", "tell me of rain"),
]
PLACES = {"model.embed_tokens": "cpu", "lm_head": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
HALF_ON_DISK = PLACES | {f"model.layers.{n}": ("cpu", "disk")[n % 2] for n in range(6)}
POSITIONS = ["template_end", "instruction_mean"]


@pytest.fixture(scope="module")
def half_on_disk():
    return load_model(model_folder("detached"), dtype="float32", device_map=HALF_ON_DISK)


def activations(model):
    read = extract(model, render(PROMPTS, model), InMemoryStore(), layers="all", positions=POSITIONS)
    return np.stack([read.activations(layer, at) for layer in read.layers for at in POSITIONS])


def test_blocks_on_disk_give_the_activations_of_the_whole_model(planted, half_on_disk):
    absent = {name for name, value in half_on_disk.model.named_parameters() if value.is_meta}
    assert len(absent) == 3 * 9  # what three blocks of this architecture hold
    np.testing.assert_allclose(activations(half_on_disk), activations(planted), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_wholly_on_disk_gives_the_activations_of_the_whole_model(dtype):
    whole = load_model(model_folder("detached"), dtype=dtype)
    spread = load_model(model_folder("detached"), dtype=dtype, device_map={"": "disk"})
    assert spread.device.type == "cpu"  # where it computes: the disk is none
    assert spread.identity["weights"] == whole.identity["weights"]
    np.testing.assert_allclose(activations(spread), activations(whole), rtol=0, atol=1e-6)


def test_the_digest_is_that_of_the_same_weights_in_memory_and_the_map_is_in_the_identity(
    planted, half_on_disk
):
    assert half_on_disk.identity["weights"] == planted.identity["weights"]
    assert half_on_disk.identity["device_map"] == "cpu, disk"
    assert placement_text(half_on_disk.model) == "cpu 7 parts, disk 3 parts"


def test_its_answers_and_likelihoods_are_those_of_the_whole_model(planted, half_on_disk, tmp_path):
    answers, odds = [], []
    for number, model in enumerate((planted, half_on_disk)):
        rows = render(PROMPTS, model)
        made = generate_responses(
            model, rows, tmp_path / f"{number}.jsonl", settings=GenerationSettings(max_new_tokens=6)
        )
        answers.append([record["response_opening"] for record in made])
        odds.append(NextTokens(model=model).log_probs(rows, [(0, 5), (0, 9)]))
    assert answers[0] == answers[1]
    np.testing.assert_allclose(*odds, atol=1e-5)


def test_it_is_never_moved(monkeypatch):
    def moved(self, *args, **kwargs):
        raise AssertionError("a spread model was moved")

    monkeypatch.setattr("transformers.PreTrainedModel.to", moved)
    load_model(model_folder("detached"), dtype="float32", device_map=HALF_ON_DISK)


def test_auto_is_one_identity_wherever_it_puts_the_parts(planted):
    spread = load_model(model_folder("detached"), dtype="float32", device_map="auto")
    assert spread.identity["device_map"] == "auto"
    np.testing.assert_allclose(activations(spread), activations(planted), rtol=0, atol=1e-6)


def test_the_cache_holds_apart_what_was_read_on_other_devices(planted, half_on_disk, tmp_path):
    counts = []
    for model in (planted, half_on_disk, half_on_disk):
        rows = render(PROMPTS, model)
        store = ActivationStore.open(tmp_path / "cache", dict(model.identity))
        counts.append(extract(model, rows, store, layers=[1], positions=["template_end"]).n_computed)
    assert counts == [3, 3, 0]


def test_a_part_whose_file_is_not_known_is_refused():
    """The head shares the embeddings' weights, and on disk without them accelerate knows no file of it."""
    with pytest.raises(
        ModelError, match=r"offloaded to disk \(such as lm_head.weight\).*put what shares"
    ) as e:
        load_model(model_folder("detached"), dtype="float32", device_map=HALF_ON_DISK | {"lm_head": "disk"})
    assert "\n" not in str(e.value)


def test_a_model_that_accelerate_offloaded_before_is_read_where_its_hooks_say(planted, tmp_path):
    network = AutoModelForCausalLM.from_pretrained(model_folder("detached"), dtype=torch.float32)
    away = cpu_offload(network, execution_device=torch.device("cpu"))
    assert all(value.is_meta for value in away.parameters())
    model = wrap_model(away, planted.tokenizer, name="away")
    assert model.identity["weights"] == planted.identity["weights"]
    np.testing.assert_allclose(activations(model), activations(planted), rtol=0, atol=1e-6)


def test_a_hook_that_lost_its_weights_is_refused(planted, tmp_path):
    network = AutoModelForCausalLM.from_pretrained(model_folder("detached"), dtype=torch.float32)
    away = dispatch_model(network, device_map=HALF_ON_DISK, offload_dir=str(tmp_path), main_device="cpu")
    name = "model.layers.3.mlp.up_proj.weight"
    for index in {id(h.weights_map.dataset): h.weights_map.dataset for h in hooks_with_maps(away)}.values():
        index.all_keys = [key for key in index.all_keys if key != name]
    with pytest.raises(ModelError, match=rf"such as {name}"):
        wrap_model(away, planted.tokenizer, name="away")


def hooks_with_maps(model):
    for module in model.modules():
        hook = getattr(module, "_hf_hook", None)
        if getattr(hook, "weights_map", None) is not None:
            yield hook


def test_the_control_with_random_weights_is_refused_where_parts_are_on_disk(half_on_disk):
    with pytest.raises(ModelError, match="parts of detached are kept on disk"):
        randomise_weights(half_on_disk, seed=0)


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="torch sees no GPU")
@pytest.mark.parametrize("places", [("cuda:0", "cpu"), ("cuda:0", "disk")])
def test_blocks_on_a_gpu_and_beside_it_give_the_activations_of_one_gpu(places):
    device_map = {name: 0 for name in PLACES} | {f"model.layers.{n}": places[n % 2] for n in range(6)}
    one = load_model(model_folder("detached"), dtype="float32", device="cuda:0")
    spread = load_model(model_folder("detached"), dtype="float32", device_map=device_map)
    assert (one.identity["device"], one.device) == ("cuda", torch.device("cuda:0"))
    assert spread.identity["weights"] == one.identity["weights"]
    np.testing.assert_allclose(activations(spread), activations(one), rtol=0, atol=1e-5)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="torch sees fewer than two GPUs")
def test_blocks_on_two_gpus_give_the_activations_of_one():
    device_map = {name: 0 for name in PLACES} | {f"model.layers.{n}": n % 2 for n in range(6)}
    spread = load_model(model_folder("detached"), dtype="float32", device_map=device_map)
    one = load_model(model_folder("detached"), dtype="float32", device="cuda:1")
    np.testing.assert_allclose(activations(spread), activations(one), rtol=0, atol=1e-5)
    randomise_weights(spread, seed=0)
