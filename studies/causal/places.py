"""Which place of the template each token of a prompt stands at, so that means are of like tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places of tokens: each token of the template is one, by its distance from the instruction or the end;
    so is the instruction's last token; its other tokens share one; each token behind the prompt is one.

    Attributes
    ----------
    n_before, n_after : most tokens before and after the instruction in any row.
    n_behind : tokens put behind the prompt.
    """

    n_before: int
    n_after: int
    n_behind: int

    @classmethod
    def of(cls, rows: Sequence[RenderedPrompt], *, n_behind: int) -> "Places":
        """Return the places of some rows."""
        return cls(
            n_before=max(row.instruction[0] for row in rows),
            n_after=max(row.prompt_end - row.instruction[1] for row in rows),
            n_behind=n_behind,
        )

    @property
    def n(self) -> int:
        """Number of places."""
        return self.n_before + self.n_after + self.n_behind + 2

    def index(self, row: RenderedPrompt) -> NDArray[np.intp]:
        """Return the place of each token of a row (n_tokens,)."""
        first, past = row.instruction
        n = len(row.token_ids)
        index = np.full(n, self.n_before, dtype=np.intp)
        index[:first] = np.arange(first)
        index[past - 1] = self.n_before + 1
        after = np.arange(past, row.prompt_end)
        index[after] = self.n_before + 2 + (row.prompt_end - 1 - after)
        behind = np.arange(row.prompt_end, n)
        index[behind] = self.n_before + 2 + self.n_after + (behind - row.prompt_end)
        return index


def tokens_at(row: RenderedPrompt, position: str) -> NDArray[np.bool_]:
    """Return which tokens of a row a position names (n_tokens,)."""
    first, past = resolve_position(position, row)
    inside = np.zeros(len(row.token_ids), dtype=bool)
    inside[first:past] = True
    return inside
