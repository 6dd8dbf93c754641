"""Text made comparable without moving a character, so that every span also holds in the original."""

import re

_SAME_LENGTH = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u200a\u3000\t\r\x0b\x0c\u200b\u200c\u200d\ufeff", " "),
        **dict.fromkeys("\u2028\u2029\x85", "\n"),
    }
)
_REASONING = re.compile(r"<(think(?:ing)?|reasoning|thought|reflection)>.*?(?:</\1>|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"[^"\n]*(?:"|\n|\Z)')
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKUP = re.compile(r"[*_#`>]")
_LIST_MARK = re.compile(r"(?:(?<=\n)|\A)[ ]*(?:\d{1,2}[.)]|[-+\u2022])(?= )")
_SENTENCE_END = re.compile(r"[.!?:]+[\"')\]]*(?=\s)|\n+")
_RUN_OF_SPACE = re.compile(r"(?<=[ \n])[ ]")


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _blank(pattern: re.Pattern[str], text: str, fill: str) -> str:
    return pattern.sub(lambda match: fill * len(match.group()), text)


def normalise(text: str) -> str:
    """Return text of the same length: lower case, plain quotes, dashes and spaces, reasoning blocks blanked.

    Character i of the result stands for character i of the input, so spans carry over.
    """
    return _blank(_REASONING, _lower(text.translate(_SAME_LENGTH)), " ")


def prose(normalised: str) -> str:
    """Return normalised text, same length, less quoted speech, code and markup: the writer's own words.

    A text that opens with a quotation mark keeps that quotation: it is the answer, not a citation.
    """
    start = len(normalised) - len(normalised.lstrip(' "\n*'))
    head, tail = normalised[:start].replace('"', " "), normalised[start:]
    if head.count('"') < normalised[:start].count('"'):
        tail = tail.replace('"', " ", 1)
    tail = _blank(_QUOTED, _blank(_FENCED, tail, "~"), "~")
    return _MARKUP.sub(" ", head + tail)


def squeeze(text: str) -> tuple[str, list[int]]:
    """Return text with every run of spaces and line breaks cut to one character, and each kept"
    " character's place."""
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
