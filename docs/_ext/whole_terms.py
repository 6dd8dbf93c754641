"""Puts `name : meaning` of a docstring on one line, which numpydoc would else cut into a type and a text."""

import re
from collections.abc import Iterable
from typing import Any

from sphinx.application import Sphinx

TERM = re.compile(r"^(?P<indent> *)\*{0,2}\w[\w, *`.]* : \S")
"""A name, or several, with what is said of it on the same line."""


def joined(lines: Iterable[str]) -> list[str]:
    """Return the lines of a docstring, those that go on with a term's meaning joined to it."""
    whole: list[str] = []
    term: int | None = None
    for line in lines:
        goes_on = term is not None and line.strip() and len(line) - len(line.lstrip()) > term
        if goes_on:
            whole[-1] += f" {line.strip()}"
            continue
        match = TERM.match(line)
        term = len(match["indent"]) if match else None
        whole.append(line)
    return whole


def setup(app: Sphinx) -> dict[str, bool]:
    """Let it come before numpydoc, which reads the lines at the usual priority, 500."""

    def join(app: Sphinx, what: str, name: str, *about: Any) -> None:
        lines = about[-1]
        lines[:] = joined(lines)

    app.connect("autodoc-process-docstring", join, priority=400)
    return {"parallel_read_safe": True}
