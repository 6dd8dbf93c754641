"""What each forward pass of a generation reads: a prompt, or one more token of every sequence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


class MonitorError(UnsinterError, ValueError):
    """A generation cannot be scored token by token."""


@dataclass(slots=True, kw_only=True)
class TokenSteps:
    """Follows a generation from the ids of its forward passes.

    Attributes
    ----------
    ends : ids that end a sequence; the token itself still counts.
    pad : id that `generate` gives to sequences that have ended; None where the model names none.
    ids : (n_sequences, n_tokens) on the CPU, everything read so far.
    is_prompt : whether the pass under way reads prompts.
    ended : (n_sequences,) whether the token of the pass under way is padding.
    """

    ends: frozenset[int]
    pad: int | None
    ids: Tensor | None = None
    is_prompt: bool = True
    ended: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    _has_ended: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def begin(self, ids: object, *, mask: object, n_cached: int | None) -> bool:
        """Take the ids of the next pass; return whether it begins a new generation.

        ``n_cached`` is how many tokens the key-value cache holds; None without one.

        Raises
        ------
        MonitorError : no ids are given, prompts are padded on the right, or several tokens are read at once.
        """
        if not isinstance(ids, Tensor) or ids.ndim != 2:
            raise MonitorError("the model was called without input_ids; generate from token ids.")
        ids = ids.detach().cpu()
        self.is_prompt = not self._goes_on(ids, n_cached)
        if self.is_prompt:
            _refuse_right_padding(mask)
            self.ids = ids
            self.ended = self._has_ended = np.zeros(len(ids), dtype=bool)
            return True
        last = ids[:, -1:]
        self.ids = torch.cat([self.ids, last], dim=1)  # type: ignore[list-item]
        token = last[:, 0].numpy()
        # Where the end is also the padding, the first of them is the end and still a token.
        is_padding = (token == self.pad) if self.pad not in self.ends else np.zeros(len(token), bool)
        self.ended = self._has_ended | is_padding
        self._has_ended = self.ended | np.isin(token, list(self.ends))
        return False

    def _goes_on(self, ids: Tensor, n_cached: int | None) -> bool:
        """Whether these are one more token of every sequence (cache), or all before and one more (none)."""
        before = self.ids
        if before is None or n_cached == 0:
            return False
        if n_cached is not None:
            if ids.shape != (len(before), 1):
                raise MonitorError(
                    f"{ids.shape[1]} tokens were read at once on top of {n_cached}; assisted decoding, "
                    "prefill in chunks and a second turn on one cache cannot be scored token by token."
                )
            return True
        longer = ids.shape == (len(before), before.shape[1] + 1)
        return longer and bool((ids[:, :-1] == before).all())

    def rows_of(self, rendered: Sequence[RenderedPrompt]) -> list[RenderedPrompt]:
        """Return the rendered prompt of every sequence.

        Raises
        ------
        MonitorError : they are not these prompts.
        """
        ids = self.ids
        if ids is None or not rendered or len(ids) % len(rendered):
            n = 0 if ids is None else len(ids)
            raise MonitorError(f"{n} sequences are generated from {len(rendered)} rendered prompts.")
        copies = len(ids) // len(rendered)
        rows = [row for row in rendered for _ in range(copies)]
        for tokens, row in zip(ids.tolist(), rows, strict=True):
            if tuple(tokens[-len(row.token_ids) :]) != row.token_ids:
                raise MonitorError(
                    f"the batch does not end in the tokens of prompt {row.id!r}; give the prompts in "
                    "the batch's order, padded on the left."
                )
        return rows


def check_dates(model: ChatModel, ids: Tensor, dates: Sequence[str]) -> None:
    """Raise MonitorError unless every prompt of a batch shows the dates that the probe's prompts showed."""
    for row in ids.tolist() if dates else ():
        text = str(model.tokenizer.decode(row))
        lacking = [shown for shown in dates if shown not in text]
        if lacking:
            raise MonitorError(
                f"the chat template reads the clock: the probe's prompts showed {lacking[0]!r} and these do "
                "not; render them with the probe's date (`date` under `model` in its card)."
            )


def check_beginnings(ids: Tensor, beginning: Sequence[int]) -> None:
    """Raise MonitorError unless every prompt of a batch, padded on the left, begins as the probe's did."""
    n = len(beginning)
    for row in ids.tolist() if n else ():
        if not any(row[place : place + n] == list(beginning) for place in range(len(row) - n)):
            raise MonitorError(
                "the probe's prompts began with a system text, examples or template options that these lack; "
                "render them with the probe's own (`context` in its card)."
            )


def _refuse_right_padding(mask: object) -> None:
    if isinstance(mask, Tensor) and mask.ndim == 2 and not bool(mask[:, -1].all()):
        raise MonitorError(
            "the prompts are padded on the right; pad on the left, as generating needs anyway."
        )
