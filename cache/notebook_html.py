"""How an object of ours shows itself in a notebook: a heading, a table of facts, a line below."""

from collections.abc import Iterable, Mapping
from html import escape

_AS_WRITTEN = 'class="tex2jax_ignore mathjax_ignore"'
"""Of an element whose dollar signs a notebook must not set as formulas: names of users may hold them."""

_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def fact_table(heading: str, facts: Mapping[str, object], *, below: str = "", colour: str = "inherit") -> str:
    """Return HTML of what is known of a thing; every text is escaped, facts that are empty are left out.

    Parameters
    ----------
    facts : name -> value, as shown; None and "" are left out.
    below : a sentence under the table.
    colour : of the heading, as CSS writes it.
    """
    rows = "".join(
        f'<tr><th style="{_CELL};font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None and value != ""
    )
    end = f"<p>{escape(below)}</p>" if below else ""
    title = f'<strong style="color:{escape(colour)}">{escape(heading)}</strong>'
    return f"<div {_AS_WRITTEN}><p>{title}</p><table>{rows}</table>{end}</div>"


def line_list(heading: str, lines: Iterable[str], *, beside: str = "", below: str = "") -> str:
    """Return HTML of sentences under a heading, with what stands beside it and below; all is escaped."""
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    title = f"<p><strong>{escape(heading)}</strong> {escape(beside)}</p>"
    return f"<div {_AS_WRITTEN}>{title}<ul>{listed}</ul><p>{escape(below)}</p></div>"
