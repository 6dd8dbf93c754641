"""What a model folder must hold, checked before anything is loaded."""

import json
from pathlib import Path

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "*vocab*",
    "*.spm",
    "spiece.model",
    "sentencepiece*",
    "tekken.json",
)


class ModelError(ValueError):
    """A model folder or name cannot be loaded as a chat model or encoder."""


def check_folder(name: str) -> None:
    """Raise ModelError naming the first thing a local folder lacks; names on a hub pass."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        looks_local = folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1
        if looks_local or folder.exists():
            raise ModelError(f"{name}: no such model folder.")
        return
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{name}: the folder holds a PEFT adapter; merge it into its base model (merge_and_unload), save "
            "that and give its folder."
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: the folder holds no config.json, so it is not a model folder.")
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{folder / 'config.json'}: not valid JSON ({error}).") from error
    is_whole = any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "*.bin"))
    if not is_whole and any(folder.glob("*.gguf")):
        raise ModelError(f"{name}: the folder holds GGUF weights alone; give one with safetensors weights.")
    if not is_whole:
        raise ModelError(f"{name}: the folder holds no weights (*.safetensors or *.bin).")
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise ModelError(f"{name}: the folder holds no tokenizer (tokenizer.json or a vocabulary file).")
