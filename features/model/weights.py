"""From files to a model: the right class, on the devices and in the number format that were named."""

import logging
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedModel,
)

from unsinter.cache.errors import is_fault
from unsinter.cache.location import expand_home
from unsinter.features.model.adapter import adapter_digest, check_adapter, merged
from unsinter.features.model.digest_notes import file_stamps
from unsinter.features.model.folder import ModelError, model_files
from unsinter.features.model.load_options import LoadOptions
from unsinter.features.model.quantised import check_quantised, quantising

_HEADS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model as its files and the options make it.

    Attributes
    ----------
    missing : names of weights that the files lack.
    loading : what was named of devices, quantisation and adapter, for the identity.
    """

    model: PreTrainedModel
    missing: frozenset[str]
    loading: Mapping[str, str]


def load_weights(
    name: str, config: PreTrainedConfig, options: LoadOptions, *, place: torch.device
) -> Weights:
    """Return a model on the CPU; where quantised on ``place``, and where spread on the devices of its map.

    Raises
    ------
    ModelError : its weights cannot be read so.
    """
    auto = _auto_class(config)
    how: dict[str, Any] = {"dtype": options.dtype if options.dtype == "auto" else _dtype(options.dtype)}
    if options.attention is not None:
        how["attn_implementation"] = options.attention
    if options.quantization is not None:
        how["device_map"] = {"": place if place.type != "cuda" else place.index or 0}
        how["quantization_config"] = quantising(options, compute_dtype=_computing(config, options))
    scratch = None
    if options.device_map is not None:
        logging.getLogger("accelerate").setLevel(logging.ERROR)  # that parts are away is what was asked
        scratch = tempfile.mkdtemp(prefix="unsinter-offload-")
        how |= {"device_map": _plain_map(options.device_map), "offload_folder": scratch}
    try:
        model, info = reading(
            name,
            "weights",
            lambda: auto.from_pretrained(
                name,
                output_loading_info=True,
                trust_remote_code=options.own_code,
                revision=options.revision or "main",
                **how,
            ),
        )
    except BaseException:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    if isinstance(options.device_map, Mapping):
        _check_parts(model, options.device_map, name=name)
    if scratch is not None:
        weakref.finalize(model, shutil.rmtree, scratch, ignore_errors=True)
    return _finished(model, frozenset(info["missing_keys"]), options, name=name)


def _check_parts(model: PreTrainedModel, device_map: Mapping[str, Any], *, name: str) -> None:
    """Refuse a map that names what the model does not have: it would be passed over, and said to be used."""
    parts = {part for part, _ in model.named_modules()} | {part for part, _ in model.named_parameters()}
    if strange := [part for part in device_map if part not in parts]:
        raise ModelError(
            f"{name}: device_map puts {strange[0][:80]!r} on {device_map[strange[0]]}, and the model has no "
            f"part of that name; its parts are named as {min(parts - {''}, key=len)!r}."
        )


def _finished(model: PreTrainedModel, missing: frozenset[str], options: LoadOptions, *, name: str) -> Weights:
    """Merge the adapter where there is one, and see that the model is what was named."""
    loading = options.identity
    if options.quantization is not None:
        check_quantised(model, options, name=name)
    if options.adapter is not None:
        folder = check_adapter(options.adapter)
        model = merged(model, folder, name=name)
        loading["adapter"] = adapter_digest(folder)
    used = getattr(model.config, "_attn_implementation", None)
    if options.attention is not None and used != options.attention:
        raise ModelError(
            f"{name}: attention {options.attention} was named, and this model computes with {used}; name "
            "that one."
        )
    return Weights(model=model, missing=missing, loading=loading)


def weights_stamps(name: str, options: LoadOptions, *, place: torch.device) -> dict[str, Any] | None:
    """Return what files a model is made of and how, by size, times and inode; None where they are unknown."""
    folder = model_files(name, options.revision)
    if folder is None or options.notes is None:
        return None
    files = {"model": file_stamps(folder)}
    if options.adapter is not None:
        files["adapter"] = file_stamps(expand_home(options.adapter))
    spread = options.device_map
    return {
        "files": files,
        "loaded": {
            "dtype": options.dtype,
            "quantization": options.quantization,
            "quantised_on": place.type if options.quantization else None,
            "device_map": {k: str(v) for k, v in spread.items()} if isinstance(spread, Mapping) else spread,
        },
    }


def reading(name: str, what: str, read: Callable[[], Any], *, hint: str = "") -> Any:
    """Run one of the library's readers; whatever it raises becomes one line that names the model.

    ``hint`` stands behind the library's own words, where there is one.
    """
    try:
        return read()
    except BaseException as error:  # the readers raise every kind, the parser's own among it
        if not is_fault(error) or isinstance(error, ModelError):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = lines[0] if lines else type(error).__name__
        words = f"{cause.rstrip(' .')}; {hint}" if hint else cause
        raise ModelError(f"{name}: its {what} cannot be read: {words}") from error


def _auto_class(config: PreTrainedConfig) -> Any:
    """Return the loader that keeps the language-model head where the files hold one."""
    named = config.architectures or []
    has_head = any(name.endswith(_HEADS) for name in named)
    if not has_head or config.is_encoder_decoder:
        return AutoModel
    if "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {}):  # code of the folder's own
        return AutoModelForCausalLM
    for auto in (AutoModelForCausalLM, AutoModelForImageTextToText):
        if type(config) in auto._model_mapping:
            return auto
    return AutoModel


def _dtype(name: str) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _computing(config: PreTrainedConfig, options: LoadOptions) -> torch.dtype:
    """Return the dtype that layers of 4 bits compute in: the named one, else that of the files."""
    stored = getattr(config.get_text_config(), "dtype", None) or getattr(config, "dtype", None)
    if options.dtype != "auto":
        return _dtype(options.dtype)
    return stored if isinstance(stored, torch.dtype) else torch.float32


def _plain_map(device_map: Any) -> Any:
    """Return a map as the library takes it, GPUs by number."""
    if not isinstance(device_map, Mapping):
        return device_map
    return {part: int(place) if str(place).isdecimal() else place for part, place in device_map.items()}
