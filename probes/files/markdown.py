"""Names in Markdown, shown letter by letter whatever signs they hold."""

import re


def code_span(name: str) -> str:
    """Return a name as Markdown shows it letter by letter, whatever signs it holds."""
    name = " ".join(name.splitlines())
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    pad = " " if name[:1] == "`" or name[-1:] == "`" else ""
    return f"{fence}{pad}{name}{pad}{fence}"


def plain_text(name: str) -> str:
    """Return a name as running text or a table's cell of Markdown, its signs escaped."""
    return re.sub(r"([\\`*\[\]<>|$~#&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", " ".join(name.split()))
