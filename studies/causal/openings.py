"""How a model's own refusals and answers begin, as tokens: what log-odds of refusing are read from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Tokens: TypeAlias = tuple[int, ...]

MOST_TOKENS = 6
"""Tokens of an opening at most."""

PURE = 0.95
"""Share of answers that begin alike and are of one kind, from which the beginning stands for that kind."""

FEWEST_SHARE = 0.02
"""Share of all answers that begin alike, from which a beginning of both kinds is followed further."""

REFUSAL, COMPLIANCE = "refusal", "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A beginning that tells what the answer is.

    Attributes
    ----------
    wording : style of the refusals that begin so; empty where they are of several, or it is no refusal.
    n_answers : training answers that begin so.
    """

    tokens: Tokens
    kind: str
    wording: str
    n_answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """The openings of a model; none is the beginning of another.

    Attributes
    ----------
    covered : share of the training answers that begin as one of them.
    """

    openings: tuple[Opening, ...]
    covered: float

    @property
    def chains(self) -> tuple[Tokens, ...]:
        """What must stand behind a prompt so that every opening's tokens are read; the empty one is first."""
        heads = {opening.tokens[:-1] for opening in self.openings}
        return tuple(
            head
            for head in sorted(heads, key=lambda head: (len(head), head))
            if not any(other != head and other[: len(head)] == head for other in heads)
        )

    @property
    def wordings(self) -> tuple[str, ...]:
        """Wordings that some opening stands for."""
        return tuple(sorted({opening.wording for opening in self.openings} - {""}))

    def members(self, kind: str, wording: str | None = None) -> NDArray[np.bool_]:
        """Return which openings are of a kind, and of a wording where one is named (n_openings,)."""
        return np.array([o.kind == kind and wording in (None, o.wording) for o in self.openings], dtype=bool)


def find_openings(answers: Sequence[Tokens], kinds: Sequence[str], wordings: Sequence[str]) -> Openings:
    """Return how answers of each kind begin.

    Answers that begin alike are followed, token by token, until nearly all of them are of one kind and one
    wording, or too few are left. A beginning shared by both kinds to its end stands for neither.

    Parameters
    ----------
    answers : token ids of each training answer, at least one.
    kinds : ``refusal`` or ``compliance`` of each; wordings : the style of each refusal, else empty.
    """
    labelled = [
        (tokens, kind, wording)
        for tokens, kind, wording in zip(answers, kinds, wordings, strict=True)
        if tokens
    ]
    fewest = max(2, round(FEWEST_SHARE * len(labelled)))
    leaves = list(_leaves((), labelled, fewest))
    covered = sum(leaf.n_answers for leaf in leaves if leaf.kind)
    return Openings(
        openings=tuple(leaf for leaf in leaves if leaf.kind), covered=covered / max(len(labelled), 1)
    )


def _leaves(head: Tokens, answers: Sequence[tuple[Tokens, str, str]], fewest: int) -> Sequence[Opening]:
    by_token: dict[int, list[tuple[Tokens, str, str]]] = {}
    for answer in answers:
        if len(answer[0]) > len(head):
            by_token.setdefault(answer[0][len(head)], []).append(answer)
    leaves: list[Opening] = []
    for token, own in sorted(by_token.items()):
        tokens = (*head, token)
        kind, wording = _common([a[1] for a in own]), _common([a[2] for a in own])
        named = {answer[2] for answer in own} - {""}
        is_told = kind == COMPLIANCE or (kind == REFUSAL and (bool(wording) or len(named) < 2))
        goes_on = (
            len(own) >= fewest and len(tokens) < MOST_TOKENS and any(len(a[0]) > len(tokens) for a in own)
        )
        if goes_on and not is_told:
            leaves += _leaves(tokens, own, fewest)
        else:
            leaves.append(
                Opening(
                    tokens=tokens, kind=kind, wording=wording if kind == REFUSAL else "", n_answers=len(own)
                )
            )
    return leaves


def _common(values: Sequence[str]) -> str:
    """Return what nearly all values are; empty where they differ."""
    (value, n), *_ = Counter(values).most_common(1)
    return value if n >= PURE * len(values) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningOdds:
    """Log-odds of what an answer begins as, from log-probabilities of all openings (..., n_openings).

    Attributes
    ----------
    refusal : log p(any refusal's opening) - log p(any answer's opening), nats.
    wording : wording -> log p(its openings) - log p(openings of the other wordings).
    covered : probability of all openings together.
    """

    refusal: NDArray[np.float64]
    wording: Mapping[str, NDArray[np.float64]]
    covered: NDArray[np.float64]


def opening_odds(openings: Openings, log_probs: NDArray[np.float64]) -> OpeningOdds:
    """Return the log-odds of every prompt from the log-probabilities of the openings."""
    refused = openings.members(REFUSAL)
    named = {name: openings.members(REFUSAL, name) for name in openings.wordings}
    several = len(named) > 1
    every = np.array([bool(o.wording) for o in openings.openings])
    return OpeningOdds(
        refusal=_log_sum(log_probs, refused) - _log_sum(log_probs, openings.members(COMPLIANCE)),
        wording={
            name: _log_sum(log_probs, own) - _log_sum(log_probs, every & ~own)
            for name, own in named.items()
            if several
        },
        covered=np.exp(log_probs).sum(axis=-1),
    )


def _log_sum(log_probs: NDArray[np.float64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.logaddexp.reduce(log_probs[..., members], axis=-1)
    return total
