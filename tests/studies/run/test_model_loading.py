"""Models of a study, spread, in fewer bits or adapted: in cache, report, card and scores; or refused."""

import io
import json
import os
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from unsinter.cache import ls
from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ModelError
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeFileError
from unsinter.studies.planted import model_folder
from unsinter.studies.probing.tuning.storage import TuningError
from unsinter.studies.run.fingerprint import study_fingerprint
from unsinter.studies.run.run import run_study
from unsinter.studies.scoring.score import ScoreRequest, score_verb
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings, silent

# PEFT asks the model for something under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PLACES = {"model.embed_tokens": "cpu", "lm_head": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
HALF_ON_DISK = PLACES | {f"model.layers.{n}": ("cpu", "disk")[n % 2] for n in range(6)}


def models(**named):
    return [{"name": "tiny", "path": "planted:detached", "dtype": "float32", **named}]


@pytest.fixture
def run(write_study, tmp_path):
    def make(name, *, whole=False, **named):
        study = load_study(write_study(models=models(**named), targets=["D"], whole=whole))
        run_study(study, Settings(folder=tmp_path / name, cache_root=tmp_path / "cache"))
        summary = json.loads((tmp_path / name / "summary.json").read_text(encoding="utf-8"))
        return tmp_path / name, summary["models"]["tiny"]

    return make


@pytest.fixture
def adapter(tmp_path):
    network = AutoModelForCausalLM.from_pretrained(model_folder("detached"), dtype=torch.float32)
    adapted = get_peft_model(network, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.slow
def test_a_spread_run_has_the_scores_of_a_plain_one_and_a_cache_of_its_own(run, tmp_path):
    _, plain = run("plain")
    folder, spread = run("spread", device_map=HALF_ON_DISK, attn="sdpa")
    same = ("target", "layer", "position", "penalty", "score", "score_low", "score_high", "floor", "control")
    for own, other in zip(spread["selected"], plain["selected"], strict=True):
        assert [own[name] for name in same] == [other[name] for name in same]
    assert spread["identity"] == plain["identity"] | {"device_map": "cpu, disk"}
    assert spread["extraction"]["placed"] == "cpu 7 parts, disk 3 parts"
    assert len(ls(tmp_path / "cache")) > len({plain["extraction"]["cache_key"]})
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "device_map cpu, disk" in page
    assert "on cpu 7 parts, disk 3 parts" in page
    assert len(list((tmp_path / "cache" / "weights").glob("*.json"))) == 2


@pytest.mark.slow
def test_a_run_in_few_bits_says_so_and_its_probe_scores_with_such_a_model(run):
    folder, part = run("bits", whole=True, quantization="8bit")
    assert part["identity"]["quantization"].startswith("8bit")
    assert "read in 8 bits" in part["extraction"]["not_had"]["random_model"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "quantization 8bit (LLM.int8 of bitsandbytes" in page
    assert "weights drawn at random are not quantised" in page
    probe = next((folder / "probes").glob("*.safetensors"))
    [line] = score_verb(request(probe), progress=silent)
    assert line.endswith("how do i bake bread")


@pytest.mark.slow
def test_an_adapted_run_names_its_digest_and_scores_ask_for_the_folder(run, adapter, tmp_path):
    folder, part = run("adapted", adapter="adapter")
    digest = part["identity"]["adapter"]
    assert f"adapter {digest[:16]}" in (folder / "report.html").read_text(encoding="utf-8")
    probe = next((folder / "probes").glob("*.safetensors"))
    assert load_probe(probe).card["model"]["adapter"] == digest
    with pytest.raises(ProbeFileError, match=r"with an adapter merged .*--adapter"):
        score_verb(request(probe), progress=silent)
    [line] = score_verb(request(probe, adapter=str(adapter)), progress=silent)
    assert line.endswith("how do i bake bread")
    config = adapter / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 8', '"lora_alpha": 9'))
    with pytest.raises(ProbeFileError, match=r"has the digest .* where the probe's model had"):
        score_verb(request(probe, adapter=str(adapter)), progress=silent)


def request(probe, **more):
    return ScoreRequest(
        probe=probe, model="planted:detached", texts=["how do i bake bread"], stdin=io.BytesIO(), **more
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"device": "gpu"}, r"device: .*must be auto, cpu, mps, cuda or cuda:N"),
        ({"device_map": {"model": "here"}}, "device_map: .*puts 'model' on 'here'"),
        ({"device_map": {"": True}}, "device_map: puts '' on 'True'; name cpu"),
        ({"quantization": "3bit"}, "quantization"),
        ({"attn": "fast"}, "attn"),
        ({"device": "cpu", "device_map": "auto"}, r"models\.0: device names .*name one of the two\.$"),
        ({"adapter": "a", "quantization": "8bit"}, "merged into weights as they are stored"),
    ],
)
def test_a_study_that_says_what_cannot_be_is_refused_in_one_line(write_study, named, message):
    with pytest.raises(StudyError, match=message) as error:
        load_study(write_study(models=models(**named)))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_second_models_missing_gpu_is_said_before_the_first_is_read(write_study, tmp_path):
    both = [*models(), {"name": "big", "path": "planted:sintered", "device": "cuda:1"}]
    study = load_study(write_study(models=both))
    with pytest.raises(ModelError, match="model 'big': device 'cuda:1' cannot be used"):
        run_study(study, Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_storage_of_trials_that_cannot_be_opened_is_said_before_any_model_is_read(write_study, tmp_path):
    study = load_study(write_study(models=models(), tuning={"trials": 2}))
    settings = Settings(
        folder=tmp_path / "run",
        cache_root=tmp_path / "cache",
        storage="postgresql://user:secret@127.0.0.1:1/trials?connect_timeout=2",
    )
    with pytest.raises(TuningError, match="cannot be opened"):
        run_study(study, settings)
    assert not (tmp_path / "cache").exists()


def test_a_storage_of_a_study_that_tunes_nothing_is_said_to_be_unused(write_study, tmp_path, caplog):
    study = load_study(write_study(models=models(path="nowhere")))
    settings = Settings(
        folder=tmp_path / "run",
        cache_root=tmp_path / "cache",
        storage="postgresql://user:secret@127.0.0.1:1/x",
    )
    with pytest.raises(UnsinterError):
        run_study(study, settings)
    assert "--storage is not used: the study tunes nothing" in caplog.text
    assert "secret" not in caplog.text


def test_check_says_what_would_not_run_here_and_doctor_what_it_is_read_on(write_study, unsinter):
    study = write_study(models=models(adapter="nowhere"))
    checked = unsinter("check", study)
    assert checked.returncode == 0, checked.stderr
    assert "would not run on this machine" in checked.stdout
    assert "no such folder; name one with adapter_config.json" in " ".join(checked.stdout.split())
    examined = unsinter("doctor", "--study", write_study(models=models(quantization="4bit")))
    assert "cpu, in 4 bits" in examined.stdout or "cuda" in examined.stdout


def test_weights_behind_a_link_to_a_folder_are_part_of_what_a_run_was_of(write_study, tmp_path):
    shutil.copytree(model_folder("detached"), tmp_path / "elsewhere" / "weights")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "linked").symlink_to(tmp_path / "elsewhere" / "weights")
    study = load_study(write_study(models=[{"name": "m", "path": str(tmp_path / "model")}]))
    before = study_fingerprint(study)
    assert study_fingerprint(study) == before
    file = tmp_path / "elsewhere" / "weights" / "model.safetensors"
    os.utime(file, ns=(0, 0))
    assert study_fingerprint(study) != before
