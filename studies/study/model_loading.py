"""How a model of a study is loaded: where to, in how many bits, with which attention and adapter."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from unsinter.cache.location import expand_home, is_folder
from unsinter.features.model.load_options import DEVICE, LoadOptions, contradiction, map_fault
from unsinter.studies.study.section import StudySection


class ModelLoading(StudySection):
    """Where a model is put and what is done to its weights; each part is in the identity of the cache."""

    device: str = "auto"
    """``auto`` is the GPU where there is one, else the CPU; ``cpu``, ``mps``, ``cuda``, ``cuda:1``."""

    device_map: Literal["auto"] | dict[str, str | int] | None = None
    """Spread over all devices by Accelerate, or part of the model -> device, ``disk`` among them."""

    quantization: Literal["8bit", "4bit"] | None = None
    """Linear layers in so many bits, by bitsandbytes."""

    attn: Literal["eager", "sdpa", "flash_attention_2"] | None = None
    """Implementation of attention; the library's own choice unless named."""

    adapter: str | None = Field(default=None, min_length=1)
    """Folder of a PEFT adapter, merged into the weights in memory."""

    wrap: bool = False
    """Python code of the model's local folder makes the model; only with ``--run-model-code``."""

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        if not re.fullmatch(DEVICE, value):
            raise ValueError("must be auto, cpu, mps, cuda or cuda:N, N from 0")
        return value

    @field_validator("device_map", mode="before")
    @classmethod
    def _is_map(cls, value: Any) -> Any:
        """Look before ``true`` is read as 1, which would be the second GPU."""
        if (fault := map_fault(value)) is not None:
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        fault = contradiction(
            device=self.device,
            device_map=self.device_map,
            quantization=self.quantization,
            adapter=self.adapter,
        )
        if fault is not None:
            raise ValueError(fault)
        return self

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said of devices, bits, attention or an adapter."""
        return self.loading == ModelLoading().loading

    @property
    def loading(self) -> dict[str, Any]:
        """What is said, by the names that `load_model` takes."""
        return {
            "device": self.device,
            "device_map": self.device_map,
            "quantization": self.quantization,
            "attention": self.attn,
            "adapter": self.adapter,
            "own_code": self.wrap,
        }

    def options(self, *, dtype: str, revision: str | None) -> LoadOptions:
        """Return what is said, with number format and revision, as one."""
        return LoadOptions(dtype=dtype, revision=revision, **self.loading)


def folders_beside(model: Any, folder: Path) -> Mapping[str, str]:
    """Return ``path`` where it names a folder, and ``adapter``, which always does, relative to ``folder``."""
    named = {name: getattr(model, name) for name in ("path", "adapter")}
    places = {name: folder / expand_home(text) for name, text in named.items() if text is not None}
    return {
        name: str(place.resolve()) for name, place in places.items() if name == "adapter" or is_folder(place)
    }
