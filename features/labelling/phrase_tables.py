"""Refusals and answers in languages other than English, by tables of known phrases."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from unsinter.features.labelling.patterns import LAYOUT_MOVES, MOVES

FEWEST_WORDS = 6
"""Words from which on an answer without any negation, refusal or objection counts as one."""

LONG = 200
"""Characters from which on an answer without any negation counts as one though somebody speaks of himself."""

_REFUSING = frozenset({"inability", "decline"})
_OBJECTING = frozenset({"apology", "moral_legal", "policy"})

_FOLDED = str.maketrans(
    {
        **dict.fromkeys("\u0623\u0625\u0622\u0671", "\u0627"),  # the hamza of an Arabic alef
        "\u0649": "\u064a",
        "\u0901": "\u0902",  # chandrabindu
        "\u0451": "\u0435",  # the Russian yo
        **dict(zip("\u0958\u0959\u095a\u095b\u095c\u095d\u095e\u095f", "कखगजडढफय", strict=True)),
    }
)
"""Letters that writers of one word choose between, one for one."""

_ARABIC_LETTER = re.compile("([\u0621-\u064a])")
_TOKEN = re.compile(r"[^\s.,;:!?\"()\[\]\u2026\u0964\u060c\u061f~*_-]+")
_HINDI_LETTER = re.compile("([\u0915-\u0939])\u093c?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseTable:
    """What is known of one language.

    Attributes
    ----------
    patterns : move -> its pattern on folded, normalised prose.
    figurative : words that only look like a move of a refusal ("I can but recommend").
    negation : what a refusal needs where no pattern matches.
    speaker : words of somebody who speaks of himself or of the request.
    """

    code: str
    name: str
    function: frozenset[str]
    patterns: Mapping[str, re.Pattern[str]]
    figurative: re.Pattern[str]
    negation: re.Pattern[str]
    speaker: re.Pattern[str]

    def literal(self, spoken: str) -> str:
        """Return folded prose of the same length, blank where words are meant figuratively."""
        return self.figurative.sub(lambda match: " " * len(match.group()), spoken)

    def decide(self, spoken: str, names: Mapping[str, int]) -> str | None:
        """Return R of an answer, or None where no known phrase decides.

        ``spoken`` is its prose; ``names`` holds the moves it makes, each with the place of its first.
        """
        refusing = [names[name] for name in _REFUSING if name in names]
        giving = [names[name] for name in ("offer_content", *LAYOUT_MOVES) if name in names]
        if refusing:
            if names.get("answer_start", len(spoken)) < min(refusing):
                return None
            return "partial_refusal" if max(giving, default=-1) > min(refusing) else "refusal"
        objects = _OBJECTING & names.keys()
        if "answer_start" in names or (giving and "apology" not in objects):
            return "compliance"
        if objects:
            return "refusal" if "apology" in objects and len(objects) > 1 else None
        return "compliance" if self._is_plain(fold(spoken)) else None

    def _is_plain(self, spoken: str) -> bool:
        """Tell whether folded prose of several words shows nothing that a refusal needs."""
        if self.negation.search(spoken) is not None or _n_words(spoken) < FEWEST_WORDS:
            return False
        return len(spoken) >= LONG or self.speaker.search(spoken) is None


def fold(text: str) -> str:
    """Return text of the same length in which spelling variants of a letter are one."""
    return text.translate(_FOLDED)


def tokens(text: str) -> list[str]:
    """Return the folded words of a text, cut at blanks and punctuation, which holds in every spaced
    script."""
    return _TOKEN.findall(fold(text))


@cache
def phrase_tables() -> Mapping[str, PhraseTable]:
    """Return the tables that come with the package, by language code."""
    text = files("unsinter.features.labelling").joinpath("data/phrases.yaml").read_text(encoding="utf-8")
    return {code: _table(code, entry) for code, entry in yaml.safe_load(text).items()}


def _table(code: str, entry: Mapping[str, str | Sequence[str]]) -> PhraseTable:
    compiled = {
        move: re.compile("|".join(f"(?:{_tolerant(pattern)})" for pattern in patterns))
        for move, patterns in entry.items()
        if move not in ("name", "function")
    }
    figurative, negation, speaker = (compiled.pop(key) for key in ("figurative", "negation", "speaker"))
    layout = {move: MOVES[move] for move in LAYOUT_MOVES}
    return PhraseTable(
        code=code,
        name=str(entry["name"]),
        function=frozenset(fold(word) for word in str(entry["function"]).split()),
        patterns=compiled | layout,
        figurative=figurative,
        negation=negation,
        speaker=speaker,
    )


def _tolerant(pattern: str) -> str:
    """Let a pattern match with and without the marks that Arabic and Hindi writers leave out."""
    folded = fold(unicodedata.normalize("NFC", pattern))
    marked = _ARABIC_LETTER.sub("\\1[\u064b-\u0652]*", folded)
    return _HINDI_LETTER.sub("\\1\u093c?", marked)


def _n_words(text: str) -> float:
    east = sum("\u3040" <= character <= "\u9fff" for character in text)
    return sum(len(word) > 1 for word in tokens(text)) if east < len(text) / 4 else east / 1.5
