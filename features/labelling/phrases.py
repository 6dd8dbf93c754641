"""Short word sequences of an opening, so that a linear model can weigh wordings no rule names."""

import re
from collections.abc import Iterable

from unsinter.features.labelling.prose.text import normalise, prose

LONGEST = 3
"""Words in the longest phrase."""

_TOKEN = re.compile(r"[a-z']+|[.,:;!?\n]|\d+[.)]")
_START = "<start>"


def phrases(opening: str) -> frozenset[str]:
    """Return the distinct phrases of one to three tokens; numbers and line breaks are one token each."""
    words = [_START, *(_token(word) for word in _TOKEN.findall(prose(normalise(opening))))]
    return frozenset(
        " ".join(words[start : start + length])
        for length in range(1, LONGEST + 1)
        for start in range(len(words) - length + 1)
    )


def common_phrases(
    openings: Iterable[frozenset[str]], families: Iterable[str], *, rows: int, sources: int
) -> list[str]:
    """Return, sorted, the phrases found in at least ``rows`` openings and ``sources`` model families.

    A phrase that one family alone uses tells who wrote, not whether it refuses.
    """
    seen: dict[str, set[str]] = {}
    count: dict[str, int] = {}
    for phrases_of_one, family in zip(openings, families, strict=True):
        for phrase in phrases_of_one:
            seen.setdefault(phrase, set()).add(family)
            count[phrase] = count.get(phrase, 0) + 1
    return sorted(phrase for phrase, who in seen.items() if len(who) >= sources and count[phrase] >= rows)


def _token(word: str) -> str:
    if word[0].isdigit():
        return "<number>"
    return "<break>" if word == "\n" else word
