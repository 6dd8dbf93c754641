"""The text of a page as somebody reads or hears it."""

import re
from html.parser import HTMLParser


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "script")
        self.parts += [value for name, value in attrs if name == "aria-label"]

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)


def text_in(page):
    """Return what a page says, alternatives of figures among it, with single blanks."""
    reader = _Text()
    reader.feed(page)
    return re.sub(r"\s+", " ", "".join(reader.parts))
