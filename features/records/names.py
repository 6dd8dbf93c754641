"""Names in records: one spelling for names that differ by blanks, case or code points alone."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

MISSING_WORDS = frozenset(
    {
        *("nan", "+nan", "-nan", "none", "null", "nil", "nat", "na", "n/a", "n.a.", "#n/a", "#na", "<na>"),
        *("(none)", "<none>", "<null>", "missing", "undefined", "-", "--", "?"),
    }
)
"""Case-folded texts that programs and people write for a missing value."""

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphen, zero-width space, word joiner, byte order mark: they are not seen and part no names."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean_name(text: str) -> str:
    """Return a name in Unicode form NFC, without invisible characters, each run of blanks as one space."""
    visible = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def name_key(text: str) -> str:
    """Return what names that differ by blanks, case or code points have in common."""
    # Folding may undo the normal form, so that it is made twice (Unicode 3.13, D146).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return clean_name(folded)


def says_missing(value: object) -> bool:
    """Tell whether a value stands for a missing one: None, blank text, such a word, or not a number."""
    if isinstance(value, str):
        name = clean_name(value)
        return not name or name.casefold() in MISSING_WORDS
    return value is None or is_nan(value)


def is_missing_word(text: str) -> bool:
    """Tell a word that programs and people write for a missing value."""
    return clean_name(text).casefold() in MISSING_WORDS


def is_nan(value: object) -> bool:
    """Tell NaN of any floating type, and what pandas has in its place."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def common_spellings(names: Iterable[str | None]) -> dict[str, str]:
    """Return name -> the most frequent spelling of it, of equals the first in order; None is left out."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        if name is not None:
            spellings[name_key(name)][name] += 1
    return {
        name: min(counts, key=lambda spelling: (-counts[spelling], spelling))
        for counts in spellings.values()
        for name in counts
    }


def respelled(common: Mapping[str, str]) -> dict[str, list[str]]:
    """Return spelling that stays -> the others that were read as it, sorted."""
    others: dict[str, list[str]] = defaultdict(list)
    for name, kept in sorted(common.items()):
        if name != kept:
            others[kept].append(name)
    return dict(others)
