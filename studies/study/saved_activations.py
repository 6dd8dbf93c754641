"""The section `activations` of a model: arrays on disk that stand for the model."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Literal, Self, TypeVar

from pydantic import model_validator

from unsinter.cache.location import expand_home
from unsinter.studies.study.section import StudySection

_PLACES = ("layer", "position")
Source = TypeVar("Source", bound=StudySection)


class SavedActivations(StudySection):
    """Where a model's activations lie, one array (n_rows, d_model) per layer and position.

    Layer 0 is the embedding output, l the residual stream after block l, before any final norm.
    """

    path: str
    """The file of a site, as ``arrays/layer{layer}-{position}.npy`` or ``.safetensors``."""

    tensor: str | None = None
    """In safetensors the name of a site's tensor, as ``{position}.{layer}``; without it, the only one."""

    ids: Path
    """A table with a column ``id`` (JSONL, CSV, Parquet): row i of every array belongs to its row i."""

    missing: Literal["error", "drop"] = "error"
    """What becomes of a prompt that the table of ids lacks."""

    @model_validator(mode="after")
    def _names_every_site(self) -> Self:
        used = placeholders(self.path) | placeholders(self.tensor or "")
        if strange := used - set(_PLACES):
            raise ValueError(
                f"{{{sorted(strange)[0]}}} is no part of a site; write {{layer}} and {{position}}"
            )
        if "layer" not in used:
            raise ValueError("path (or tensor) must hold {layer}, so that each layer has an array of its own")
        suffix = Path(self.path).suffix
        if suffix not in (".npy", ".safetensors"):
            raise ValueError(f"path must end in .npy or .safetensors, got {self.path[-40:]!r}")
        if self.tensor is not None and suffix == ".npy":
            raise ValueError("tensor names a tensor of a safetensors file; a .npy file holds one array")
        return self

    def file(self, layer: int, position: str) -> Path:
        """Return the file of a site."""
        return Path(filled(self.path, layer, position))

    def tensor_name(self, layer: int, position: str) -> str | None:
        """Return the name of a site's tensor in its file; None for the only one."""
        return None if self.tensor is None else filled(self.tensor, layer, position)

    def resolved(self, folder: Path) -> "SavedActivations":
        """Return the section with its paths taken relative to a folder."""
        return self.model_copy(
            update={
                "path": str((folder / expand_home(self.path)).absolute()),
                "ids": (folder / expand_home(self.ids)).resolve(),
            }
        )

    def files(self) -> list[Path]:
        """Return every file that the pattern fits, and the table of ids, sorted."""
        return sorted(
            {*(path for path, _ in matches(self.path)), *([self.ids] if self.ids.is_file() else [])}
        )


def placeholders(pattern: str) -> set[str]:
    """Return the names in braces of a pattern.

    Raises
    ------
    ValueError : braces hold more, or do not close.
    """
    names = set()
    for _, name, form, conversion in Formatter().parse(pattern):
        if name is not None:
            if form or conversion or not name.isidentifier():
                raise ValueError(f"braces hold a name alone, as {{layer}}; got {pattern[-40:]!r}")
            names.add(name)
    return names


def filled(pattern: str, layer: int, position: str) -> str:
    """Return a pattern with the names of a site put in."""
    return pattern.format(layer=layer, position=position)


def expression(pattern: str) -> re.Pattern[str]:
    """Return what matches the names that a pattern can make; a placeholder has one value in each."""
    text, bound = "", set()
    values = {"layer": r"\d+", "position": r"[^/]+?"}
    for literal, name, _, _ in Formatter().parse(pattern):
        text += re.escape(literal)
        if name is not None:
            text += f"(?P={name})" if name in bound else f"(?P<{name}>{values[name]})"
            bound.add(name)
    return re.compile(text)


def matches(pattern: str) -> list[tuple[Path, Mapping[str, str]]]:
    """Return the files that a pattern fits, each with what it says of layer and position."""
    wanted = expression(pattern)
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if placeholders(part)), len(parts) - 1)
    root = Path(*parts[:fixed])
    if not root.is_dir():
        return []
    glob = "/".join(re.sub(r"\{\w+\}", "*", part.replace("[", "[[]")) for part in parts[fixed:])
    candidates = ((path, wanted.fullmatch(str(path))) for path in root.glob(glob))
    return [(path, match.groupdict()) for path, match in candidates if match is not None and path.is_file()]


def check_source(source: Source) -> Source:
    """Return a model.

    Raises
    ------
    ValueError : it has saved activations and also says how it is to be loaded.
    """
    if getattr(source, "activations", None) is None:
        return source
    for name, field in type(source).model_fields.items():
        default = field.get_default(call_default_factory=True)
        if name not in ("name", "path", "activations") and getattr(source, name) != default:
            raise ValueError(
                f"{name} says how a model is loaded; activations are read as they were saved, drop {name}"
            )
    return source
