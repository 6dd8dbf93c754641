"""Reading the residual stream while a model runs, and stopping the run once the last asked layer is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Take = Callable[[int, Tensor], None]


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

    handles = []
    try:
        for layer in sorted(set(layers)):
            if layer < n_layers:
                handles.append(blocks[layer].register_forward_pre_hook(on_input(layer), with_kwargs=True))
            else:
                last = blocks[-1]
                handles.append(
                    last.register_forward_hook(lambda _m, _i, output: seen(n_layers, block_output(output)))
                )
        try:
            yield
        except _StopForwardError:
            return
    finally:
        for handle in handles:
            handle.remove()
