"""Text made comparable without moving a character, so that every span also holds in the original."""

import re
from functools import lru_cache

from unsinter.features.labelling.prose.quotes import FILL, blank_quotes
from unsinter.features.labelling.prose.reasoning import reasoning_spans

_SAME_LENGTH = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u02bc\u00b4\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02\u300c\u300d\u300e\u300f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u200a\u3000\t\r\x0b\x0c\u200b\u200c\u200d\ufeff", " "),
        **dict.fromkeys("\u2028\u2029\x85", "\n"),
    }
)
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKUP = re.compile(r"[*_#`>]")
_SENTENCE_END = re.compile(r"[.!?:]+[\"')\]]*(?=\s)|[\u3002\uff01\uff1f\u0964\u061f]+|\n+")


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


@lru_cache(maxsize=16)  # a label asks for the same text a dozen times
def normalise(text: str) -> str:
    """Return text of the same length: lower case, plain quotes, dashes and spaces, reasoning blanked.

    Character i of the result stands for character i of the input, so spans carry over.
    """
    plain = _lower(text.translate(_SAME_LENGTH))
    for start, end in reasoning_spans(text):
        plain = plain[:start] + " " * (end - start) + plain[end:]
    return plain


@lru_cache(maxsize=16)
def prose(normalised: str) -> str:
    """Return normalised text, same length, less what others say, code and markup: the writer's own words."""
    without_code = _FENCED.sub(lambda match: FILL * len(match.group()), normalised)
    return _MARKUP.sub(" ", blank_quotes(without_code))


def squeeze(text: str) -> tuple[str, list[int]]:
    """Return text with every run of spaces and line breaks cut to one character, and each kept
    character's place."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        blank = character in " \n"
        if blank and kept and kept[-1] in " \n":
            if character == "\n":
                kept[-1] = "\n"
            continue
        kept.append(character)
        places.append(place)
    return "".join(kept), places


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence; line breaks and colons end one too."""
    bounds, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        bounds.append((start, match.end()))
        start = match.end()
    bounds.append((start, len(text)))
    return [(first, last) for first, last in bounds if text[first:last].strip(" \n~.-*")]
