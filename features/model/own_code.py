"""Python code that a model folder brings: run only where the caller says so, and part of what a model is."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unsinter.cache.json_text import read_json
from unsinter.cache.location import expand_home, is_folder
from unsinter.features.model.folder import LONGEST_CONFIG, ModelError

_NAMED_IN = ("config.json", "tokenizer_config.json")


def own_code(name: str) -> tuple[Path, ...]:
    """Return the files of code of a local model folder, sorted; nothing of them is run.

    Raises
    ------
    ModelError : no local folder, one whose config names no code, or code that would have to be fetched.
    """
    folder = expand_home(name)
    if not is_folder(folder):
        raise ModelError(
            f"{name}: a model's own code is run from a local folder alone; download the model, read its "
            "code, and name the folder."
        )
    named = [part for file in _NAMED_IN for part in _named(folder / file)]
    if not named:
        raise ModelError(f"{name}: its config names no code of its own (auto_map); drop wrap.")
    if elsewhere := [part for part in named if "--" in part]:
        raise ModelError(
            f"{name}: it names code of another place ({elsewhere[0][:80]!r}), which is never fetched; put "
            "that code into the folder, and its name without what stands before -- into auto_map."
        )
    files = tuple(sorted(folder.rglob("*.py")))
    if not files:
        raise ModelError(f"{name}: its config names code ({named[0][:80]!r}) that the folder does not hold.")
    return files


def code_digest(name: str, files: tuple[Path, ...]) -> str:
    """Return one SHA-256 of a folder's files of code, by place in the folder and content."""
    total, folder = hashlib.sha256(), expand_home(name)
    for file in files:
        total.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def code_hint(name: str) -> str:
    """Return why a folder cannot be read without its own code, and what to do; nothing for any other."""
    try:
        files = own_code(name)
    except (ModelError, OSError):
        return ""
    return (
        f"the folder brings code of its own ({files[0].name}), which never runs unless a study says wrap: "
        "true of the model and --run-model-code is given (in Python: own_code=True)"
    )


def _named(file: Path) -> Iterator[str]:
    """Yield the classes that a config names as its own, as module.Class."""
    if not file.is_file():
        return
    try:
        config: Any = read_json(file, most_bytes=LONGEST_CONFIG)
    except ValueError as error:
        raise ModelError(f"{file}: not valid JSON ({error}).") from error
    named = config.get("auto_map") if isinstance(config, dict) else None
    for value in (named if isinstance(named, dict) else {}).values():
        yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str))
