"""A PEFT adapter merged into the weights of its base model, in memory; neither folder is changed."""

import hashlib
import json
import logging
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from unsinter.cache.errors import is_fault
from unsinter.cache.json_text import read_json
from unsinter.cache.location import expand_home, is_folder, open_regular
from unsinter.features.model.folder import LONGEST_CONFIG, ModelError

logger = logging.getLogger(__name__)

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_VOLATILE = {"base_model_name_or_path", "revision", "peft_version", "inference_mode", "auto_mapping"}
"""Fields that say where an adapter came from, and change no number."""

_CHUNK = 1 << 20


def check_adapter(name: str | Path) -> Path:
    """Return the folder of an adapter that could be merged, as far as its files show.

    Raises
    ------
    ModelError : it is none, lacks a file, or is of a kind that has no weights to merge.
    """
    folder = expand_home(name)
    if not is_folder(folder):
        raise ModelError(f"adapter {folder}: no such folder; name one with {CONFIG} and {WEIGHTS}.")
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            other = " (a pickle is not opened)" if (folder / "adapter_model.bin").is_file() else ""
            raise ModelError(
                f"adapter {folder}: the folder holds no {file}{other}; save the adapter with PEFT's "
                "save_pretrained, which writes both."
            )
    config = _config(folder)
    if not isinstance(kind := config.get("peft_type"), str):
        raise ModelError(f"adapter {folder / CONFIG}: it names no peft_type; save the adapter with PEFT.")
    if kind in ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "CPT"):
        raise ModelError(
            f"adapter {folder}: {kind} adds tokens and changes no weight, so it cannot be merged; name one "
            "that changes weights, as LoRA."
        )
    if config.get("layer_replication"):
        raise ModelError(
            f"adapter {folder}: it repeats layers (layer_replication), and a merged one cannot; merge it "
            "with PEFT and name the saved model."
        )
    return folder


def adapter_digest(folder: Path) -> str:
    """Return the SHA-256 of an adapter: settings without names and paths, and the bytes of its weights."""
    settings = {name: _ordered(value) for name, value in _config(folder).items() if name not in _VOLATILE}
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    with open_regular(folder / WEIGHTS) as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _ordered(value: Any) -> Any:
    """Return a list of names sorted: PEFT keeps them as a set, and writes them in any order."""
    return sorted(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


def merged(model: PreTrainedModel, folder: Path, *, name: str) -> PreTrainedModel:
    """Return the model with an adapter merged into its weights.

    Raises
    ------
    ModelError : its weights cannot be read, or it is of another model: a layer, a name or a shape does not
        fit.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from peft.utils import load_peft_weights

    _refuse_unknown_settings(folder)
    _warn_of_another_base(folder, name=name)
    fault = _unreadable(folder)
    if fault is not None:
        raise ModelError(f"adapter {folder / WEIGHTS}: cannot be read ({fault}); copy or save it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that do not fit, which are refused right after
            whole = PeftModel.from_pretrained(model, str(folder), trust_remote_code=False)
            own = set(get_peft_model_state_dict(whole))
            stored = set(load_peft_weights(str(folder), device="cpu"))
            if own == stored:
                _refuse_shared_weights(whole, folder, name=name)
                plain: PreTrainedModel = whole.merge_and_unload(safe_merge=True)
                return plain
        strange = sorted(own ^ stored)[0]
        fault = f"{strange} is in {'the adapter' if strange in stored else 'the model'} alone"
    except BaseException as error:  # the readers raise every kind
        if isinstance(error, ModelError) or not is_fault(error):
            raise
        fault = _words(error)
        if isinstance(error, ImportError):
            raise ModelError(
                f"adapter {folder}: a package that it needs is not installed ({fault})."
            ) from error
    raise ModelError(
        f"{name}: the adapter {folder} does not fit this model ({fault}); name the model that it was "
        "trained on."
    )


def _words(error: BaseException) -> str:
    lines = [line.strip(" \t:") for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2])[:240] or type(error).__name__).rstrip(".")


def _unreadable(folder: Path) -> str | None:
    """Return why the weights of an adapter cannot be read, in words; None where they can."""
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                file.get_slice(key)
    except (OSError, SafetensorError) as error:
        return _words(error)
    return None


def _warn_of_another_base(folder: Path, *, name: str) -> None:
    """Say so where an adapter names another base: a model of the same shape takes it in silence."""
    base = _config(folder).get("base_model_name_or_path")
    if isinstance(base, str) and base.strip("/\\ ") and _last(base) != _last(name):
        logger.warning(
            "%s: the adapter %s says that it was trained on %s; if this is another model, its activations "
            "are those of neither.",
            name,
            folder,
            base[:200],
        )


def _last(name: str) -> str:
    return name.replace("\\", "/").strip("/ ").rpartition("/")[2].casefold()


def _refuse_unknown_settings(folder: Path) -> None:
    """Refuse an adapter with settings that the installed PEFT does not know and would leave out."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    config = _config(folder)
    kind = PEFT_TYPE_TO_CONFIG_MAPPING.get(config["peft_type"])
    if kind is None:
        raise ModelError(
            f"adapter {folder}: the installed PEFT knows no peft_type {config['peft_type'][:40]!r}; update "
            "PEFT, or name another adapter."
        )
    unknown = sorted(set(config) - {field.name for field in fields(kind)} - _VOLATILE)
    if unknown:
        raise ModelError(
            f"adapter {folder}: the installed PEFT does not know the setting {unknown[0][:40]!r} and would "
            "leave it out; update PEFT, or save the adapter with this version."
        )


def _refuse_shared_weights(whole: Any, folder: Path, *, name: str) -> None:
    """Refuse to merge into a matrix that embeds tokens and scores them too: it would change both.

    Raises
    ------
    ModelError : the two share their weights, and the adapter changes one of them alone.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    model = whole.get_base_model()
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    adapted = [isinstance(end, BaseTunerLayer) for end in ends]
    weights = [getattr(end, "weight", None) for end in ends]
    if any(adapted) and weights[0] is not None and weights[0] is weights[1]:
        raise ModelError(
            f"{name}: the adapter {folder} changes the {'embedding' if adapted[0] else 'output'} matrix, "
            "which in this model is one with the other; merged, it would change both. Merge it with "
            "PEFT after untying them, and name the saved model."
        )


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / CONFIG, most_bytes=LONGEST_CONFIG)
    except (OSError, ValueError) as error:
        raise ModelError(f"adapter {folder / CONFIG}: cannot be read ({error}).") from error
    if not isinstance(config, dict):
        raise ModelError(f"adapter {folder / CONFIG}: it holds no JSON object; save the adapter with PEFT.")
    return config
