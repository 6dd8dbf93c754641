"""The residual stream at every token of one prompt, for a closer look: nothing is kept of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.features.extract.forward import make_reader
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


def read_tokens(
    model: ChatModel, row: RenderedPrompt, *, layers: Sequence[int], tokens: Sequence[int]
) -> NDArray[np.float32]:
    """Return the stream (n_layers, n_tokens, d_model) of some tokens of a prompt, from one pass of its own.

    ``tokens`` count from 0 over all of ``row``. What is no finite number in the model's dtype stays so.
    """
    spans = [[(token, token + 1) for token in tokens]]
    values = make_reader(model, padding_side="right").read([row], spans, layers=list(layers))
    read: NDArray[np.float32] = values[:, 0].float().numpy()
    return read
