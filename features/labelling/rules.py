"""Moves of a response with their character spans, and the wording style of a refusal, by versioned
rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from unsinter.features.labelling.patterns import LAYOUT_MOVES, MOVES
from unsinter.features.labelling.phrase_tables import fold, phrase_tables
from unsinter.features.labelling.prose.text import normalise, prose, sentences, squeeze

_BARE_LENGTH = 75
"""Longest whole answer, in characters, that can count as bare."""

_STYLE_OF_MOVE = {
    "apology": "apology",
    "ai_identity": "ai_identity",
    "inability": "cannot",
    "inability_other": "cannot",
    "decline": "decline",
    "no_endorsement": "decline",
    "knowledge_limit": "knowledge_limit",
    "no_opinion": "knowledge_limit",
    "moral_legal": "moral_legal",
    "not_recommended": "moral_legal",
    "policy": "moral_legal",
    "respect_norm": "moral_legal",
    "correction": "correction",
    "negated_claim": "correction",
    "sympathy": "supportive",
    "safety_resource": "supportive",
    "offer_other": "soft_opener",
    "offer_content": "soft_opener",
    "answer_start": "soft_opener",
}
_REASONS = frozenset(
    {
        "moral_legal",
        "policy",
        "correction",
        "ai_identity",
        "safety_resource",
        "knowledge_limit",
        "respect_norm",
    }
)
_REFUSES = frozenset({"inability", "inability_other", "decline", "apology"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing a response does, and where: ``opening[start:end]`` are the words that show it."""

    name: str
    start: int
    end: int


def find_moves(opening: str, *, language: str = "en") -> tuple[Move, ...]:
    """Return every move of a response opening, ordered by start; spans count characters of the text as given.

    ``language`` is English or one that has a table of phrases.

    Raises
    ------
    KeyError : it is another one.
    """
    return _moves(opening, language)


@lru_cache(maxsize=8)  # the same answer is searched for its decision, its evidence and its label
def _moves(opening: str, language: str) -> tuple[Move, ...]:
    normalised = normalise(opening)
    spoken, places = squeeze(prose(normalised))
    if language != "en":
        spoken = phrase_tables()[language].literal(fold(spoken))
    moves = []
    for name, pattern in (MOVES if language == "en" else phrase_tables()[language].patterns).items():
        if name in LAYOUT_MOVES:
            spans = [match.span() for match in pattern.finditer(normalised)]
        else:
            spans = [
                (places[m.start()], places[m.end() - 1] + 1) for m in pattern.finditer(spoken) if m.group()
            ]
        moves += [_trimmed(name, normalised, start, end) for start, end in spans]
    return tuple(sorted((move for move in moves if move.end > move.start), key=_order))


def wording_of(opening: str, moves: Sequence[Move]) -> str:
    """Return the style of a refusal: ``bare`` if short and without reason, else that of its earliest move.

    Ties at one place go to the longer span. Only the first two sentences count: how it opens.
    """
    text = normalise(opening)
    names = {move.name for move in moves}
    if len(text.strip()) <= _BARE_LENGTH and names & _REFUSES and not names & _REASONS:
        return "bare"
    bounds = sentences(prose(text))[:2]
    end = bounds[-1][1] if bounds else len(text)
    candidates = [move for move in moves if move.name in _STYLE_OF_MOVE and move.start < end]
    if not candidates:
        return "other"
    first = min(candidates, key=lambda move: (move.start, -move.end, move.name))
    return _STYLE_OF_MOVE[first.name]


def _trimmed(name: str, text: str, start: int, end: int) -> Move:
    """Return the move without blanks at its ends."""
    words = text[start:end]
    left = start + len(words) - len(words.lstrip(" \n"))
    return Move(name=name, start=left, end=max(left, end - len(words) + len(words.rstrip(" \n"))))


def _order(move: Move) -> tuple[int, int, str]:
    return move.start, move.end, move.name
