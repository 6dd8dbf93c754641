"""The devices of this machine, and those that a model is on."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from unsinter.features.model.folder import ModelError
from unsinter.features.model.load_options import DEVICE, LoadOptions

_EXTRAS = {"accelerate": "large", "bitsandbytes": "quantization", "peft": "adapter"}
"""Package -> the extra of ours that brings it."""


def check_machine(options: LoadOptions) -> None:
    """Refuse what this machine, as it is installed, cannot do; no file of a model is opened.

    Raises
    ------
    ModelError : a package or device that is not there, or one that cannot compute so.
    """
    place = check_device(options.device)
    if options.device_map is not None:
        _check_package("accelerate", "device_map")
        for name in _named_devices(options.device_map):
            check_device(name)
    if options.adapter is not None:
        _check_package("peft", "adapter")
    if options.attention == "flash_attention_2":
        _check_flash_attention(place)
    if options.quantization is not None:
        _check_package("accelerate", "quantization")
        _check_package("bitsandbytes", "quantization")
        _check_quantising(options, place)


def check_device(name: str) -> torch.device:
    """Return the device of a name as a study gives it.

    Raises
    ------
    ModelError : it is no device, or not one of this machine's.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "meta":
        raise ModelError("device 'meta' holds no numbers; name cpu, cuda or auto.")
    if not re.fullmatch(DEVICE, name):
        raise ModelError(
            f"device {name[:40]!r} cannot be used: it must be auto, cpu, mps, cuda or cuda:N (N from 0)."
        )
    if name.startswith("cuda"):
        return _check_gpu(name)
    if name == "mps" and not torch.backends.mps.is_available():
        raise ModelError("device 'mps' cannot be used: torch sees no Apple GPU here; name cpu or auto.")
    return torch.device(name)


def _check_gpu(name: str) -> torch.device:
    n, number = torch.cuda.device_count() if torch.cuda.is_available() else 0, name.partition(":")[2]
    if n == 0:
        why = "none is visible to it" if torch.version.cuda else "this build of torch has no CUDA"
        raise ModelError(
            f"device {name!r} cannot be used: torch sees no GPU ({why}); name cpu or auto, or see to the "
            "driver and its build of torch (`unsinter doctor`)."
        )
    if number and int(number) >= n:
        raise ModelError(
            f"device {name!r} cannot be used: torch sees {n} GPU{'s' if n > 1 else ''}, cuda:0 to "
            f"cuda:{n - 1}; name one of them."
        )
    return torch.device(name)


def _named_devices(device_map: Any) -> list[str]:
    """Return the devices that a map names, disk left out; a number is that of a GPU."""
    if not isinstance(device_map, Mapping):
        return []
    texts = {str(place) for place in device_map.values()} - {"disk"}
    return sorted(f"cuda:{text}" if text.isdecimal() else text for text in texts)


def _check_package(package: str, field: str) -> None:
    if find_spec(package) is None:
        raise ModelError(
            f"{field} needs the package {package}, which is not installed: "
            f"pip install '.[{_EXTRAS[package]}]' in unsinter's repository."
        )


def _check_flash_attention(place: torch.device) -> None:
    if place.type != "cuda":
        raise ModelError(
            f"attention flash_attention_2 runs on a GPU with CUDA only, and the model is to be read on "
            f"{place.type}; name sdpa or eager."
        )
    from transformers.utils.import_utils import is_flash_attn_2_available

    if not is_flash_attn_2_available():
        raise ModelError(
            "attention flash_attention_2 needs the package flash-attn, built for this GPU and this torch; "
            "install it, or name sdpa."
        )


def _check_quantising(options: LoadOptions, place: torch.device) -> None:
    """Refuse to quantise where bitsandbytes has nothing to compute with, as releases before 0.49 on CPUs."""
    import bitsandbytes

    places = {place.type} | {torch.device(n).type for n in _named_devices(options.device_map)}
    able = set(getattr(bitsandbytes, "supported_torch_devices", ("cuda",)))
    if lacking := sorted(places - able):
        raise ModelError(
            f"quantization {options.quantization} cannot be computed on {', '.join(lacking)} by the "
            f"installed bitsandbytes {bitsandbytes.__version__}; update it, name a device with CUDA, or "
            "leave quantization out."
        )


def main_device(model: nn.Module) -> torch.device:
    """Return the device that takes a model's token ids, also where its embeddings are brought in for use."""
    weight = model.get_input_embeddings().weight  # type: ignore[operator]
    if not weight.is_meta:
        return torch.device(weight.device)
    for part in (model.get_input_embeddings(), model):  # type: ignore[operator]
        place = getattr(getattr(part, "_hf_hook", None), "execution_device", None)
        if place is not None:
            return torch.device("cuda", place) if isinstance(place, int) else torch.device(place)
    return torch.device("cpu")


def is_spread(model: nn.Module) -> bool:
    """Whether a model is on several devices or brought in piece by piece: it is then never moved."""
    placed = getattr(model, "hf_device_map", None)
    return isinstance(placed, Mapping) and (len(set(placed.values())) > 1 or "disk" in placed.values())


def placement_text(model: nn.Module) -> str:
    """Return where a model is, in words: ``cpu``, ``cuda:1 (NVIDIA H100)``, ``cpu 4 parts, disk 2 parts``."""
    placed: Any = getattr(model, "hf_device_map", None)
    if not is_spread(model):
        return device_text(main_device(model))
    counts: dict[str, int] = {}
    for place in placed.values():
        name = f"cuda:{place}" if isinstance(place, int) else str(place)
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(
        f"{'disk' if name == 'disk' else device_text(torch.device(name))} {n} part{'s' if n > 1 else ''}"
        for name, n in sorted(counts.items())
    )


def device_text(place: torch.device) -> str:
    """Return a device with the name of its card, where it has one."""
    return f"{place} ({torch.cuda.get_device_name(place)})" if place.type == "cuda" else str(place)
