"""Adapters and maps of devices that a loader would take in part, and say nothing: refused in one line."""

import json
import os
import time

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from unsinter.features.model.adapter import adapter_digest
from unsinter.features.model.digest_notes import file_stamps
from unsinter.features.model.model import ModelError, load_model
from unsinter.studies.planted import model_folder

# PEFT asks the model for something under its old name.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning"),
]


def load(**named):
    return load_model(model_folder("detached"), dtype="float32", **named)


@pytest.fixture
def saved_adapter(tmp_path):
    def make(**settings):
        network = AutoModelForCausalLM.from_pretrained(model_folder("detached"), dtype=torch.float32)
        torch.manual_seed(0)
        config = LoraConfig(**{"r": 2, "init_lora_weights": False, **settings})
        get_peft_model(network, config).save_pretrained(tmp_path / "adapter")
        return tmp_path / "adapter"

    return make


def changed_settings(folder, **settings):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return folder


@pytest.mark.parametrize(("target", "word"), [("lm_head", "output"), ("embed_tokens", "embedding")])
def test_an_adapter_on_a_matrix_that_embeds_and_scores_is_refused(saved_adapter, target, word):
    with pytest.raises(ModelError, match=f"changes the {word} matrix, which in this model is one with"):
        load(adapter=saved_adapter(target_modules=[target]))


def test_repeated_layers_are_refused(saved_adapter):
    folder = changed_settings(saved_adapter(target_modules=["q_proj"]), layer_replication=[[0, 2], [1, 6]])
    with pytest.raises(ModelError, match="it repeats layers"):
        load(adapter=folder)


def test_a_setting_or_kind_that_the_installed_library_does_not_know_is_refused(saved_adapter):
    folder = changed_settings(saved_adapter(target_modules=["q_proj"]), use_new_scaling=True)
    with pytest.raises(ModelError, match="does not know the setting 'use_new_scaling'"):
        load(adapter=folder)
    with pytest.raises(ModelError, match="knows no peft_type 'NEWER'"):
        load(adapter=changed_settings(folder, peft_type="NEWER"))


def test_the_order_in_which_targets_are_written_is_no_other_adapter(saved_adapter):
    folder = saved_adapter(target_modules=["q_proj", "v_proj"])
    digests = {
        adapter_digest(changed_settings(folder, target_modules=names))
        for names in (["q_proj", "v_proj"], ["v_proj", "q_proj"])
    }
    assert len(digests) == 1
    assert adapter_digest(changed_settings(folder, target_modules=["q_proj"])) not in digests


def test_a_part_that_the_model_does_not_have_is_refused():
    with pytest.raises(
        ModelError, match=r"device_map puts 'model.layers.99' on cpu, and the model has no part"
    ):
        load(device_map={"": "cpu", "model.layers.99": "cpu"})


@pytest.mark.parametrize("named", [{"device": "cpu\n"}, {"device_map": {"": "cpu\n"}}])
def test_a_device_with_a_line_break_is_none(named):
    with pytest.raises(ModelError):
        load(**named)


def test_files_in_a_linked_folder_are_stamped_and_a_link_to_where_it_stands_ends(tmp_path):
    folder, far = tmp_path / "model", tmp_path / "far"
    folder.mkdir()
    far.mkdir()
    (far / "x.safetensors").write_bytes(b"1")
    (folder / "shards").symlink_to(far)
    (far / "back").symlink_to(folder)
    before = file_stamps(folder)
    assert [stamp[0] for stamp in before] == ["shards/x.safetensors"]
    later = time.time() + 5
    os.utime(far / "x.safetensors", (later, later))
    assert file_stamps(folder) != before


def test_weights_that_cannot_be_read_are_said_to_be_damaged_and_not_of_another_model(saved_adapter):
    folder = saved_adapter(target_modules=["q_proj"])
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors: cannot be read \(.*save it again"):
        load(adapter=folder)


@pytest.mark.parametrize(
    ("base", "warns"), [("someone/other-7b", True), ("here/Detached", False), ("", False), (None, False)]
)
def test_an_adapter_that_names_another_base_is_merged_with_a_warning(saved_adapter, caplog, base, warns):
    folder = changed_settings(saved_adapter(target_modules=["q_proj"]), base_model_name_or_path=base)
    load(adapter=folder)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [("trained on someone/other-7b" in line) for line in lines] == [True] * warns
