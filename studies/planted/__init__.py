"""Two tiny chat models whose answer to the study's question is known because it was planted."""

from importlib.resources import as_file, files
from pathlib import Path

from unsinter.studies.planted.corpus import MODELS, demo_prompts

__all__ = ["MODELS", "demo_prompts", "model_folder"]


def model_folder(name: str) -> Path:
    """Return the folder of a shipped model, `detached` or `sintered`; read it, never write to it.

    Raises
    ------
    ValueError : no shipped model has this name.
    """
    if name not in MODELS:
        raise ValueError(f"There is no planted model {name!r}; the shipped ones are {' and '.join(MODELS)}.")
    with as_file(files("unsinter.studies.planted").joinpath("models", name)) as folder:
        return folder
