"""Text in columns of a fixed width: what a monospaced face shows, wide scripts counted as two."""

import unicodedata

MOST_COLUMNS = 17
"""Columns of a token's text in a map."""


def n_columns(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(_columns(sign) for sign in text)


def cut(text: str, most: int = MOST_COLUMNS) -> str:
    """Return the text, its end replaced by an ellipsis where it takes more than ``most`` columns."""
    if n_columns(text) <= most:
        return text
    kept, used = "", 1
    for sign in text:
        if used + _columns(sign) > most:
            break
        kept, used = kept + sign, used + _columns(sign)
    return f"{kept}\u2026"


def _columns(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in ("W", "F") else 1
