"""How an object of ours shows itself in a notebook: a heading, a table of facts, a line below."""

from collections.abc import Mapping
from html import escape

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
    return f"<div><p>{title}</p><table>{rows}</table>{end}</div>"
