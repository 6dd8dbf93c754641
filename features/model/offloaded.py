"""Weights that accelerate keeps elsewhere and brings in while a block runs: can they be read, and how."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from unsinter.features.model.folder import ModelError


def is_within_reach(model: nn.Module, name: str) -> bool:
    """Whether a hook knows the place of an absent tensor, which is then what the model computes with."""
    return next(_places(model, name), None) is not None


def brought_in(model: nn.Module, name: str) -> Tensor:
    """Return an absent tensor of a model as its hook would bring it in.

    Raises
    ------
    ModelError : no hook knows it, or its file cannot be read.
    """
    for weights, key in _places(model, name):
        try:
            value = weights[key]
        except (OSError, LookupError, ValueError, RuntimeError) as error:
            raise ModelError(f"{name} is offloaded, and its file cannot be read: {error}.") from error
        if isinstance(value, Tensor) and not value.is_meta:
            return value
    raise ModelError(f"{name} is offloaded, and no file of it is known; load the model whole.")


def blind_hooks(model: nn.Module) -> list[str]:
    """Return the modules and weights that a hook would bring in from a place that it does not know."""
    return [
        name
        for path, module in model.named_modules()
        for hook in _hooks(module)
        if getattr(hook, "offload", False)
        for name in _unknown(path, module, hook)
    ]


def _unknown(path: str, module: nn.Module, hook: Any) -> list[str]:
    """Return what one hook that brings weights in does not know the place of."""
    weights = getattr(hook, "weights_map", None)
    if weights is None:
        return [path]
    inside = bool(getattr(hook, "place_submodules", False))
    names = [name for name, _ in module.named_parameters(recurse=inside)]
    return [f"{path}.{name}" for name in names if not _holds(weights, name)]


def has_hooks(model: nn.Module) -> bool:
    """Whether accelerate, or a library like it, watches any module of a model."""
    return any(getattr(module, "_hf_hook", None) is not None for module in model.modules())


def _places(model: nn.Module, name: str) -> Iterator[tuple[Any, str]]:
    """Yield (weights by name, name there) of hooks that know a tensor, from its own module outwards."""
    parts = name.split(".")
    for depth in range(len(parts) - 1, -1, -1):
        key = ".".join(parts[depth:])
        for hook in _hooks(model.get_submodule(".".join(parts[:depth]))):
            weights = getattr(hook, "weights_map", None)
            if weights is not None and _holds(weights, key):
                yield weights, key


def _holds(weights: Any, key: str) -> bool:
    """Whether weights by name hold one, without reading it, as asking them would."""
    prefix, inner = getattr(weights, "prefix", ""), getattr(weights, "dataset", weights)
    names = getattr(inner, "all_keys", None)
    return f"{prefix}{key}" in (inner if names is None else names)


def _hooks(module: nn.Module) -> Iterator[Any]:
    """Yield the hook of a module, or each of a chain of them."""
    hook = getattr(module, "_hf_hook", None)
    if hook is not None:
        yield from (hook, *getattr(hook, "hooks", ()))
