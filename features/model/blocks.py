"""Finding the list of blocks of any transformer, without code of any one architecture."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from unsinter.features.model.verify import BlockStack, UnknownArchitectureError, verify_stack


def locate_stack(model: PreTrainedModel) -> BlockStack:
    """Return the verified stack of blocks of ``model``.

    Raises
    ------
    UnknownArchitectureError : none can be verified.
    """
    encoder = model.get_encoder() if model.config.is_encoder_decoder else None
    root = encoder if isinstance(encoder, PreTrainedModel) else model
    config = root.config.get_text_config()
    n_layers = (
        config.decoder_layers if _is_bare_decoder(config) else getattr(config, "num_hidden_layers", None)
    )
    if not isinstance(n_layers, int) or n_layers < 1:
        raise UnknownArchitectureError(
            f"{type(model).__name__}: its config does not say how many layers it has (num_hidden_layers)."
        )
    candidates = _candidates(root, n_layers, type(config))
    if not candidates:
        lengths = sorted({len(m) for m in root.modules() if isinstance(m, nn.ModuleList)})
        raise UnknownArchitectureError(
            f"{type(model).__name__}: no list of {n_layers} blocks was found (lists of length {lengths} "
            "were); "
            "models that share one block among layers are not supported."
        )
    verified, reasons = [], []
    for path, backbone, blocks in candidates:
        try:
            verified.append(verify_stack(path, backbone, blocks))
        except UnknownArchitectureError as error:
            reasons.append(f"{path}: {error}")
    if len(verified) == 1:
        return verified[0]
    causes = "; ".join(reasons) or f"{len(verified)} lists of blocks qualify: {[s.path for s in verified]}"
    raise UnknownArchitectureError(
        f"{type(model).__name__}: the residual stream could not be verified ({causes})."
    )


def _is_bare_decoder(config: Any) -> bool:
    """Whether this is the decoder of an encoder-decoder pair, whose layer count stands under another name."""
    has_count = isinstance(getattr(config, "decoder_layers", None), int)
    return has_count and bool(getattr(config, "is_decoder", False)) and not config.is_encoder_decoder


def _candidates(
    root: PreTrainedModel, n_layers: int, config_type: type
) -> list[tuple[str, PreTrainedModel, tuple[nn.Module, ...]]]:
    """List (path, backbone, blocks) for every outermost module list of the right length."""
    models = {name: module for name, module in root.named_modules() if isinstance(module, PreTrainedModel)}
    entries: list[tuple[str, PreTrainedModel, tuple[nn.Module, ...]]] = []
    for path, module in root.named_modules():
        if not isinstance(module, nn.ModuleList | nn.Sequential) or len(module) != n_layers:
            continue
        if any(path.startswith(f"{outer}.") for outer, _, _ in entries):
            continue
        owner = max((name for name in models if not name or path.startswith(f"{name}.")), key=len)
        entries.append((path, models[owner], tuple(module)))
    matching = [entry for entry in entries if isinstance(entry[1].config, config_type)]
    return matching or entries


__all__ = ["BlockStack", "UnknownArchitectureError", "locate_stack"]
