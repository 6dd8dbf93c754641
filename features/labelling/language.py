"""In which language an answer is written, by its script, its function words and a trained identifier."""

import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from unsinter.cache.errors import UnsinterError, naming
from unsinter.features.labelling.phrase_tables import phrase_tables, tokens
from unsinter.features.labelling.prose.quotes import FILL
from unsinter.features.labelling.prose.text import normalise, prose


class LanguageError(UnsinterError, ValueError):
    """The language identifier cannot be loaded."""


SURE = 0.5
"""Confidence of the identifier from which on it decides alone; 23 of 6,604 English openings are below."""

VERY_SURE = 0.8
"""The same where the text also holds English function words."""

_ENGLISH = frozenset(
    [
        "i",
        "i'm",
        "i'll",
        "i'd",
        "the",
        "is",
        "are",
        "was",
        "to",
        "of",
        "and",
        "it",
        "it's",
        "you",
        "your",
        "that",
        "that's",
        "this",
        "with",
        "for",
        "can",
        "can't",
        "cannot",
        "not",
        "no",
        "sorry",
        "but",
        "my",
        "me",
        "we",
        "he",
        "she",
        "they",
        "do",
        "don't",
        "have",
        "be",
        "by",
        "as",
        "on",
        "at",
        "or",
        "if",
        "an",
        "how",
        "what",
        "unable",
        "won't",
        "help",
    ]
)
_NEAR_ENGLISH = frozenset({"pcm", "sco", "jam"})
"""Relatives of English that the identifier names for English texts full of names."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_NO_LANGUAGE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|[\w.+-]+@[\w-]+\.\w+", re.DOTALL)
_DENSE = 2.5
"""Latin letters that one Chinese, Japanese or Korean character stands for."""

_EAST = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})


@dataclass(frozen=True, slots=True)
class Language:
    """The language of an answer; ``code`` (ISO 639) is None where it cannot be told, "" where there are
    no words."""

    code: str | None

    @property
    def is_read(self) -> bool:
        """Whether labels can be made for it."""
        return self.code in ("", "en") or self.code in phrase_tables()


@lru_cache(maxsize=8)  # the same part of an answer is read for its decision and for its moves
def read_language(text: str) -> Language:
    """Return the language most of a text is written in; quotations, code and addresses do not count."""
    spoken = _NO_LANGUAGE.sub(" ", prose(normalise(text))).replace(FILL, " ")
    if len(_WORD.findall(spoken)) < 2:
        spoken = _NO_LANGUAGE.sub(" ", normalise(text))
    scripts = _scripts(spoken)
    if not scripts:
        return Language("")
    latin = scripts.pop("LATIN", 0)
    if sum(scripts.values()) > latin:
        rest = "".join(" " if _script(character) == "LATIN" else character for character in spoken)
        return Language(_other_script(rest, scripts))
    return Language(_latin("".join(" " if _script(c) not in ("LATIN", None) else c for c in spoken)))


@cache
def _script(character: str) -> str | None:
    """Return the first word of a letter's Unicode name, its script; None for what is no letter."""
    return unicodedata.name(character, "OTHER").split()[0].split("-")[0] if character.isalpha() else None


def _scripts(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for character, n in Counter(text).items():
        if (script := _script(character)) is not None:
            counts[script] += round(n * (_DENSE if script in _EAST else 1))
    return counts


def _other_script(text: str, scripts: Counter[str]) -> str | None:
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana + scripts["CJK"] > sum(scripts.values()) / 2:
        return "ja" if kana > 0.1 * scripts["CJK"] else "zh"
    code, confidence = identify(text)
    hits = _function_words(text)
    if confidence >= SURE or code in hits:
        return code
    return hits[0] if hits else None


def _latin(text: str) -> str | None:
    code, confidence = identify(text)
    hits = _function_words(text)
    if confidence >= (VERY_SURE if "en" in hits and code not in phrase_tables() else SURE):
        return code
    if len(hits) > 1:
        return code if code in hits and confidence >= SURE / 2 else None
    if hits:
        return hits[0]
    return code if code == "en" else None


def identify(text: str) -> tuple[str, float]:
    """Return the trained identifier's best language and its confidence, 0 to 1."""
    code, confidence = _identifier().classify(text)
    if code == "zxx":  # no language at all
        return code, 0.0
    return ("en" if code in _NEAR_ENGLISH else code), float(confidence)


def _function_words(text: str) -> Sequence[str]:
    """Return the languages with the most known function words in a text; empty without any."""
    words = Counter(tokens(text))
    hits = {code: sum(words[word] for word in table.function) for code, table in phrase_tables().items()}
    hits["en"] = sum(n for word, n in words.items() if word in _ENGLISH)
    most = max(hits.values())
    return sorted((code for code, n in hits.items() if n == most), key="en".__ne__) if most else []


@cache
def _identifier() -> Any:
    # The model's weights come with the package; nothing is downloaded.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    # It unpacks its model into a temporary file of 5 MB, which a small disk or limit may not take.
    with naming(Path(tempfile.gettempdir()) / "the language identifier's model", LanguageError):
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
