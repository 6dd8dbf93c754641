"""Templates: words that many prompts of one group have, around slots that are filled differently."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unsinter.features.records.wrappers import FEWEST_PROMPTS, LEAST_SHARE

FEWEST_WORDS = 3
MOST = 0.9
"""Of the prompts; a word that fewer of them have belongs to a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Words that nearly all of some prompts have, wherever they stand.

    Attributes
    ----------
    members : places of the prompts.
    """

    words: frozenset[str]
    members: tuple[int, ...]

    def inner(self, text: str) -> str:
        """Return what fills the slots of a prompt; a prompt that is the template alone stays as it is."""
        return " ".join(word for word in text.split() if word not in self.words) or text

    def outline(self, text: str) -> str:
        """Return the template as a prompt has it, with dots for its slots."""
        shown: list[str] = []
        for word in text.split():
            part = word if word in self.words else "..."
            if part != "..." or shown[-1:] != ["..."]:
                shown.append(part)
        return " ".join(shown[:12])


def shared_templates(texts: Sequence[str], roots: Sequence[int]) -> Iterator[Template]:
    """Yield the template of each group of normalised texts (n,) that has one; ``roots`` (n,) name groups."""
    groups: dict[int, list[int]] = defaultdict(list)
    for place, root in enumerate(roots):
        groups[root].append(place)
    for members in groups.values():
        distinct = {texts[place] for place in members}
        if len(distinct) < FEWEST_PROMPTS:
            continue
        counts = Counter(word for text in distinct for word in set(text.split()))
        words = frozenset(word for word, n in counts.items() if n >= MOST * len(distinct))
        n_words = sum(len(text.split()) for text in distinct)
        n_shared = sum(word in words for text in distinct for word in text.split())
        if len(words) >= FEWEST_WORDS and n_shared >= LEAST_SHARE * n_words:
            yield Template(words=words, members=tuple(members))
