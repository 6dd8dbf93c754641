"""What a model folder must hold, checked before anything is loaded."""

import os
from pathlib import Path

from unsinter.cache.errors import UnsinterError
from unsinter.cache.json_text import read_json
from unsinter.cache.location import expand_home, is_folder

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "*vocab*",
    "*.spm",
    "spiece.model",
    "sentencepiece*",
    "tekken.json",
)


LONGEST_CONFIG = 10_000_000
"""Bytes of a model's config.json; the longest, with a name per label, have a few hundred thousand."""


class ModelError(UnsinterError, ValueError):
    """A model folder or name cannot be loaded as a chat model or encoder."""


def check_folder(name: str, *, revision: str | None = None) -> None:
    """Raise ModelError naming the first thing a local folder lacks; names on a hub pass.

    A folder has no revisions.
    """
    folder = expand_home(name)
    if revision is not None and is_folder(folder):
        raise ModelError(
            f"{name}: a revision names a commit of a model on a hub, and this is a folder; leave it out, or "
            "name the folder of that commit."
        )
    if not is_folder(folder):
        looks_local = folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1
        if looks_local or os.path.lexists(folder):
            raise ModelError(f"{name}: no such model folder.")
        _check_hub_id(name)
        return
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{name}: the folder holds a PEFT adapter; name the folder of its base model, and this one as "
            "`adapter`; or merge it (merge_and_unload), save that and give its folder."
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: the folder holds no config.json, so it is not a model folder.")
    try:
        config = read_json(folder / "config.json", most_bytes=LONGEST_CONFIG)
    except ValueError as error:
        raise ModelError(f"{folder / 'config.json'}: not valid JSON ({error}).") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / 'config.json'}: not a model's config; it holds no JSON object.")
    is_whole = any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "*.bin"))
    if not is_whole and any(folder.glob("*.gguf")):
        raise ModelError(f"{name}: the folder holds GGUF weights alone; give one with safetensors weights.")
    if not is_whole:
        raise ModelError(f"{name}: the folder holds no weights (*.safetensors or *.bin).")
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise ModelError(f"{name}: the folder holds no tokenizer (tokenizer.json or a vocabulary file).")


def model_files(name: str, revision: str | None) -> Path | None:
    """Return the folder of a model's files; of a hub id its local snapshot, None where there is none."""
    folder = expand_home(name)
    if is_folder(folder):
        return folder
    place = local_snapshot(name, revision)
    return None if place is None else Path(place)


def local_snapshot(model_id: str, revision: str | None) -> str | None:
    """Return the folder of the hub's local snapshot, named after the commit; None where there is none."""
    # Imported where a hub's name is met: most commands name folders, and it takes half a second.
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(model_id, "config.json", revision=revision)
    except HFValidationError:
        return None
    return str(Path(path).parent) if isinstance(path, str) else None


def _check_hub_id(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        raise ModelError(
            f"{name!r} is neither a model folder nor a model's id on a hub, which reads OWNER/NAME in "
            "letters, digits, dots, dashes and underscores; name a folder, an id, or planted:detached."
        ) from None
