"""Linear layers in 8 or 4 bits: how bitsandbytes is asked, and whether it did it."""

import logging
from typing import Any

from torch import nn

from unsinter.features.model.folder import ModelError
from unsinter.features.model.load_options import LoadOptions


def quantising(options: LoadOptions, *, compute_dtype: Any) -> Any:
    """Return the library's settings for the quantisation that is named, each that matters said.

    Layers of 4 bits compute in ``compute_dtype``; those of 8 bits in 16-bit floats, as the method has it.
    """
    from transformers.utils.quantization_config import BitsAndBytesConfig

    # It says at every product of every pass that inputs are cast; that is the method, and is documented.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    make: Any = BitsAndBytesConfig
    if options.quantization == "8bit":
        return make(load_in_8bit=True, llm_int8_threshold=6.0)
    return make(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=False,
        bnb_4bit_compute_dtype=compute_dtype,
    )


def check_quantised(model: nn.Module, options: LoadOptions, *, name: str) -> None:
    """Refuse a model of which no layer was quantised, so that none is said to be what it is not.

    Raises
    ------
    ModelError : as said.
    """
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    kind = Linear8bitLt if options.quantization == "8bit" else Linear4bit
    if not any(isinstance(part, kind) for part in model.modules()):
        raise ModelError(
            f"{name}: no layer of it can be put into {options.quantization}; leave quantization out."
        )
