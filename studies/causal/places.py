"""Which place of the template each token of a prompt stands at, so that means are of like tokens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places of tokens: each token that the template puts around most prompts is one, by its distance from
    the beginning, the instruction or the end; so is the instruction's last token, and each token behind the
    prompt. All others share one: the instruction's own, and what single prompts bring of turns, system text
    and prefill, since no two tokens of those need be alike.

    Attributes
    ----------
    before : tokens with which most rows begin.
    after, last : tokens that stand behind most instructions, and at the end of most prompts, last one first.
    n_behind : tokens put behind the prompt.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    last: tuple[int, ...]
    n_behind: int

    @classmethod
    def of(cls, rows: Sequence[RenderedPrompt], *, n_behind: int) -> "Places":
        """Return the places of some rows."""
        last = _most_begin([_after(row)[::-1] for row in rows])
        between = [_after(row)[: -_n_alike(_after(row)[::-1], last) or None] for row in rows]
        before = _most_begin([row.token_ids[: row.instruction[0]] for row in rows])
        return cls(before=before, after=_most_begin(between), last=last, n_behind=n_behind)

    @property
    def n(self) -> int:
        """Number of places."""
        return len(self.before) + len(self.after) + len(self.last) + self.n_behind + 2

    def index(self, row: RenderedPrompt) -> NDArray[np.intp]:
        """Return the place of each token of a row (n_tokens,)."""
        (first, past), end = row.instruction, row.prompt_end
        n_before = _n_alike(row.token_ids[:first], self.before)
        n_last = _n_alike(_after(row)[::-1], self.last)
        n_after = _n_alike(row.token_ids[past : end - n_last], self.after)
        # Each kind's first place; the shared one and that of the instruction's end stand between.
        shared = len(self.before)
        after = shared + 2
        last = after + len(self.after)
        behind = last + len(self.last)
        index = np.full(len(row.token_ids), shared, dtype=np.intp)
        index[:n_before] = np.arange(n_before)
        index[past - 1] = shared + 1
        index[past : past + n_after] = after + np.arange(n_after)
        index[end - n_last : end] = last + np.arange(n_last)[::-1]
        index[end:] = behind + np.arange(len(row.token_ids) - end)
        return index


def _after(row: RenderedPrompt) -> tuple[int, ...]:
    return row.token_ids[row.instruction[1] : row.prompt_end]


def _n_alike(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return with how many tokens both begin."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _most_begin(texts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the tokens with which more than half of the texts begin."""
    begun: tuple[int, ...] = ()
    while True:
        n = len(begun)
        following = Counter(text[n] for text in texts if len(text) > n and text[:n] == begun)
        [(token, count)] = following.most_common(1) or [(0, 0)]
        if 2 * count <= len(texts):
            return begun
        begun = (*begun, token)


def tokens_at(row: RenderedPrompt, position: str) -> NDArray[np.bool_]:
    """Return which tokens of a row a position names (n_tokens,)."""
    first, past = resolve_position(position, row)
    inside = np.zeros(len(row.token_ids), dtype=bool)
    inside[first:past] = True
    return inside
