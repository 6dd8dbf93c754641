"""How a model is loaded: number format, device or devices, quantisation, attention, adapter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from unsinter.features.model.folder import ModelError

DTYPES = ("float32", "float16", "bfloat16")
QUANTIZATIONS = ("8bit", "4bit")
ATTENTIONS = ("eager", "sdpa", "flash_attention_2")

DEVICE = r"auto|cpu|mps|cuda(:[0-9]{1,3})?"
"""What a device may be called."""

PLACE = r"cpu|disk|mps|cuda(:[0-9]{1,3})?|[0-9]{1,3}"
"""Where a map may put a part of a model; a number is that of a GPU."""


class NamedLoading(TypedDict, total=False):
    """Fields of `LoadOptions` beside dtype, device and revision, by name."""

    device_map: Literal["auto"] | Mapping[str, str | int] | None
    quantization: Literal["8bit", "4bit"] | None
    attention: Literal["eager", "sdpa", "flash_attention_2"] | None
    adapter: str | Path | None
    own_code: bool
    notes: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How a model is loaded; what is named of it is part of the identity under which activations are kept.

    Attributes
    ----------
    dtype : as stored where it is ``auto``.
    device : one device for the whole model; ``auto`` is the GPU where there is one.
    device_map : spread over all devices by Accelerate (``auto``), or part of the model -> device, ``disk``
        among them.
    quantization : linear layers in 8 or 4 bits, by bitsandbytes.
    attention : implementation of attention; the library's own choice unless named.
    adapter : folder of a PEFT adapter, merged into the weights in memory.
    own_code : run the Python code that the model's local folder brings.
    notes : folder of a cache; a digest of weights noted there is used while their files are the same.

    Raises
    ------
    ModelError : a value that none of them takes, or two that exclude each other.
    """

    dtype: str = "auto"
    device: str = "auto"
    revision: str | None = None
    device_map: Literal["auto"] | Mapping[str, str | int] | None = None
    quantization: Literal["8bit", "4bit"] | None = None
    attention: Literal["eager", "sdpa", "flash_attention_2"] | None = None
    adapter: str | Path | None = None
    own_code: bool = False
    notes: Path | None = None

    def __post_init__(self) -> None:
        if self.dtype != "auto" and self.dtype not in DTYPES:
            raise ModelError(f"dtype must be auto, {', '.join(DTYPES)}; got {self.dtype!r}.")
        for name, value, known in (
            ("quantization", self.quantization, QUANTIZATIONS),
            ("attention", self.attention, ATTENTIONS),
        ):
            if value is not None and value not in known:
                raise ModelError(f"{name} must be {', '.join(known)} or left out; got {value!r}.")
        if (fault := map_fault(self.device_map)) is not None:
            raise ModelError(f"device_map {fault}.")
        if (fault := self.contradiction) is not None:
            raise ModelError(f"{fault}.")

    @property
    def contradiction(self) -> str | None:
        """Why these options exclude each other, in words; None where they do not."""
        return contradiction(
            device=self.device,
            device_map=self.device_map,
            quantization=self.quantization,
            adapter=self.adapter,
        )

    @property
    def identity(self) -> dict[str, str]:
        """What is named of devices and quantisation, as the identity of a model holds it.

        The number of a GPU is left out: two like cards give the same numbers, and workers share a cache.
        """
        named: dict[str, str] = {}
        if self.device != "auto":
            named["device"] = self.device.partition(":")[0]
        if self.device_map is not None:
            named["device_map"] = "auto" if self.device_map == "auto" else ", ".join(kinds(self.device_map))
        if self.quantization is not None:
            named["quantization"] = QUANTISED_AS[self.quantization]
        return named


QUANTISED_AS = {
    "8bit": "8bit (LLM.int8 of bitsandbytes, outliers from 6.0), every row alone",
    "4bit": "4bit (NF4 of bitsandbytes)",
}
"""Quantisation as an identity says it; the digest is of the quantised weights."""


def quantization_of(identity: Mapping[str, Any]) -> Literal["8bit", "4bit"] | None:
    """Return the quantisation that an identity says; None for none."""
    text = identity.get("quantization")
    return "8bit" if text == QUANTISED_AS["8bit"] else "4bit" if text == QUANTISED_AS["4bit"] else None


def contradiction(
    *, device: str, device_map: object, quantization: str | None, adapter: object
) -> str | None:
    """Return why these exclude each other, in words; None where they do not."""
    if device != "auto" and device_map is not None:
        return "device names one device and device_map spreads the model over several; name one of the two"
    if adapter is not None and quantization is not None:
        return (
            "an adapter is merged into weights as they are stored, and quantization changes these; merge it, "
            "save the model and quantise that, or drop one of the two"
        )
    if adapter is not None and device_map is not None:
        return (
            "an adapter is merged in the memory of one device, and device_map spreads the model; merge it, "
            "save the model and name its folder, or drop one of the two"
        )
    if quantization is not None and isinstance(device_map, Mapping) and "disk" in kinds(device_map):
        return "quantised weights cannot be kept on disk; name no disk in device_map"
    return None


def map_fault(device_map: object) -> str | None:
    """Return what is wrong with a map of devices, in words; None where nothing is."""
    if device_map is None or device_map == "auto":
        return None
    if not isinstance(device_map, Mapping) or not device_map:
        return f"must be auto, or a table of part: device; got {str(device_map)[:80]!r}"
    for part, place in device_map.items():
        if not isinstance(part, str) or isinstance(place, bool) or not re.fullmatch(PLACE, str(place)):
            return f"puts {str(part)[:80]!r} on {str(place)[:40]!r}; name cpu, disk, mps, cuda or cuda:N"
    return None


def kinds(device_map: Mapping[str, Any]) -> list[str]:
    """Return the kinds of devices in a map, sorted, as cpu and disk."""
    texts = {str(place).partition(":")[0] for place in device_map.values()}
    return sorted({"cuda" if text.isdecimal() else text for text in texts})
