"""Reading the residual stream while a model runs, stopping the run early, and changing the stream."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Take = Callable[[int, Tensor], None]

Change = Callable[[int, Tensor], Tensor]
"""Layer and stream (n_rows, n_tokens, d_model) to the stream that takes its place, of the same shape."""


class _StopForwardError(Exception):
    """Raised inside a hook to leave a forward pass early; never escapes this module."""


def block_input(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the tensor a block was called with, whether it was passed by place or by name."""
    stream = args[0] if args else kwargs.get("hidden_states")
    if not isinstance(stream, Tensor):
        raise TypeError(
            f"a block was called with {type(stream).__name__} where its input tensor was expected"
        )
    return stream


def block_output(output: object) -> Tensor:
    """Return the stream from what a block returned, which is a tensor or a tuple that starts with it."""
    stream = output[0] if isinstance(output, tuple | list) else output
    if not isinstance(stream, Tensor):
        raise TypeError(f"a block returned {type(stream).__name__} where a tensor was expected")
    return stream


@contextmanager
def read_stream(blocks: Sequence[nn.Module], layers: Sequence[int], *, take: Take) -> Iterator[None]:
    """Call ``take(layer, stream)`` at every asked layer of the one forward pass run inside the context.

    Layer l below the last is read as the input of block l + 1, the last as the output of the last block, so
    the stream is always the one before any final norm. The pass ends silently at the deepest asked layer.
    ``take`` must copy what it keeps. Hooks are removed on leaving, also after an error.
    """
    n_layers, deepest = len(blocks), max(layers)

    def seen(layer: int, stream: Tensor) -> None:
        take(layer, stream)
        if layer == deepest:
            raise _StopForwardError

    def on_input(layer: int) -> Callable[..., None]:
        return lambda _module, args, kwargs: seen(layer, block_input(args, kwargs))

    def on_output(_module: nn.Module, _args: Any, output: Any) -> None:
        seen(n_layers, block_output(output))

    with _hooked(blocks, layers, on_input=on_input, on_output=on_output):
        try:
            yield
        except _StopForwardError:
            return


@contextmanager
def change_stream(blocks: Sequence[nn.Module], layers: Sequence[int], *, change: Change) -> Iterator[None]:
    """Put ``change(layer, stream)`` in the stream's place at every named layer of the passes run inside.

    Layers count as in `read_stream`: l below the last is the input of block l + 1, the last the output of the
    last block. No weight is touched. Hooks are removed on leaving, also after an error.
    """
    n_layers = len(blocks)

    def on_input(layer: int) -> Callable[..., Any]:
        def hook(_module: nn.Module, args: Any, kwargs: Any) -> Any:
            changed = change(layer, block_input(args, kwargs))
            return ((changed, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": changed})

        return hook

    def on_output(_module: nn.Module, _args: Any, output: Any) -> Any:
        changed = change(n_layers, block_output(output))
        return (changed, *output[1:]) if isinstance(output, tuple | list) else changed

    with _hooked(blocks, layers, on_input=on_input, on_output=on_output):
        yield


@contextmanager
def _hooked(
    blocks: Sequence[nn.Module],
    layers: Sequence[int],
    *,
    on_input: Callable[[int], Callable[..., Any]],
    on_output: Callable[..., Any],
) -> Iterator[None]:
    """Hook the input of the block above each layer, or the output of the last one, inside the context."""
    handles = []
    try:
        for layer in sorted(set(layers)):
            if layer < len(blocks):
                handles.append(blocks[layer].register_forward_pre_hook(on_input(layer), with_kwargs=True))
            else:
                handles.append(blocks[-1].register_forward_hook(on_output))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def skip_blocks(blocks: Sequence[nn.Module], outputs: Sequence[object]) -> Iterator[None]:
    """Let the first blocks return ``outputs``, one for each, instead of computing them.

    For passes over rows whose first blocks have been computed before. Blocks are as they were on leaving,
    also after an error, and with a ``forward`` of their own, as libraries that move weights give them.
    """
    skipped = list(zip(blocks, outputs, strict=False))
    own = [block.__dict__.get("forward") for block, _ in skipped]
    try:
        for block, output in skipped:
            # On the instance: the class, and with it every other block, stays as it is.
            block.__dict__["forward"] = lambda *_, _output=output, **__: _output
        yield
    finally:
        for (block, _), forward in zip(skipped, own, strict=True):
            if forward is None:
                block.__dict__.pop("forward", None)
            else:
                block.__dict__["forward"] = forward
