"""Fixtures every folder of tests shares: real data beside the repository, and offline, quiet libraries."""

import json
import os
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "agg")
# The console takes its width when it is first imported: a narrow terminal around the tests must not wrap it.
os.environ.pop("COLUMNS", None)

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a slow test once the time set for all is over, so that the summary line is still printed."""
    deadline = float(os.environ.get("UNSINTER_TESTS_UNTIL", "inf"))
    if item.get_closest_marker("slow") and time.time() > deadline:
        pytest.skip("the time that UNSINTER_TESTS_UNTIL sets for slow tests is over")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real prompts and responses; the test is skipped where it is absent."""
    folder = Path(os.environ.get("UNSINTER_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not (folder / "prompts.jsonl").is_file():
        pytest.skip(f"no real data at {folder}; set UNSINTER_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="module")
def planted():
    """The shipped model in which harm and refusal are detached, in 4 bytes a number."""
    from unsinter.features.model.model import load_model
    from unsinter.studies.planted import model_folder

    return load_model(model_folder("detached"), dtype="float32", device="cpu")


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test may read or write the user's own activation cache."""
    folder = tmp_path / "unsinter-cache"
    monkeypatch.setenv("UNSINTER_CACHE", str(folder))
    return folder


CONFIGURATION = """
from transformers import LlamaConfig

class TiltedConfig(LlamaConfig):
    model_type = "tilted"
"""

MODELING = """
from transformers import LlamaForCausalLM
from .configuration_tilted import TiltedConfig

class TiltedForCausalLM(LlamaForCausalLM):
    config_class = TiltedConfig

    def __init__(self, config):
        super().__init__(config)
        for layer in self.model.layers:
            layer.mlp.register_forward_hook(lambda module, inputs, output: 2.0 * output)
"""


@pytest.fixture
def tilt(tmp_path, monkeypatch):
    """Give the folder of a Llama code of its own, by which blocks add twice what their MLPs compute."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))

    def give(folder):
        (folder / "configuration_tilted.py").write_text(CONFIGURATION, encoding="utf-8")
        (folder / "modeling_tilted.py").write_text(MODELING, encoding="utf-8")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {
            "model_type": "tilted",
            "architectures": ["TiltedForCausalLM"],
            "auto_map": {
                "AutoConfig": "configuration_tilted.TiltedConfig",
                "AutoModelForCausalLM": "modeling_tilted.TiltedForCausalLM",
            },
        }
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    return give
