"""What many prompts share: a wrapper around different requests, or a template whose slots are filled anew."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

FEWEST_PROMPTS = 10
"""Prompts that share a wrapper; fewer may as well be rewrites of one request."""

FEWEST_WORDS = 5
LEAST_SHARE = 0.5
"""Of a prompt's words; less than that makes no near copies of different requests."""

FEWEST_IN_TEMPLATE = 3

MOST_PROMPTS = 0.9
"""Of the prompts; a word that fewer of them have belongs to a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """Words before and after the requests of some prompts.

    Attributes
    ----------
    before, after : normalised words; one of the two may be empty.
    members : places of the prompts that it stands around.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    members: tuple[int, ...]

    def inner(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words of a prompt that are its own."""
        return tuple(words[len(self.before) : len(words) - len(self.after)])

    @property
    def opening(self) -> str:
        """The first words of the wrapper, to be shown."""
        return " ".join((self.before or self.after)[:8])


def shared_wrappers(texts: Sequence[str]) -> list[Wrapper]:
    """Return the wrappers of normalised texts (n,); each text has one at most, and something is left inside.

    The wrapper of a text is the beginning, and then the end of what remains, that saves most when it is
    written once for all texts that share it: members x words.
    """
    kept: dict[str, str] = {}  # each word once, however many texts have it
    words = [tuple(kept.setdefault(word, word) for word in text.split()) for text in texts]
    before = _best_beginnings(words)
    rest = [tuple(reversed(own[n:])) for own, n in zip(words, before, strict=True)]
    after = _best_beginnings(rest)
    members: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for index, (own, start, end) in enumerate(zip(words, before, after, strict=True)):
        outer = start + end
        if FEWEST_WORDS <= outer < len(own) and outer >= LEAST_SHARE * len(own):
            members.setdefault((own[:start], own[len(own) - end :]), []).append(index)
    return [
        Wrapper(before=start, after=end, members=tuple(indices))
        for (start, end), indices in sorted(members.items())
        if len(indices) >= FEWEST_PROMPTS
    ]


def without_wrappers(texts: Sequence[str], wrappers: Sequence[Wrapper]) -> list[str]:
    """Return normalised texts (n,), those in a wrapper without it."""
    inner = list(texts)
    for wrapper in wrappers:
        for index in wrapper.members:
            inner[index] = " ".join(wrapper.inner(texts[index].split()))
    return inner


def _best_beginnings(words: Sequence[tuple[str, ...]]) -> list[int]:
    """Return how many first words (n,) each text shares with enough others; 0 where it shares too few."""
    best, saved = [0] * len(words), [0] * len(words)
    # Copies of one text are one: they share all of it, and leave nothing inside.
    places: dict[tuple[str, ...], list[int]] = {}
    for index, own in enumerate(words):
        places.setdefault(own, []).append(index)
    ordered = sorted(places)
    for first, last, length in _common_beginnings(ordered):
        size = last - first
        if size < FEWEST_PROMPTS or length < FEWEST_WORDS:
            continue
        for own in ordered[first:last]:
            if len(own) > length:
                for index in places[own]:
                    if size * length > saved[index]:
                        best[index], saved[index] = length, size * length
    return best


def _common_beginnings(ordered: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, int, int]]:
    """Yield (first, past the last, shared words) of every longest run of sorted texts that begin alike."""
    shared = [_n_shared(one, other) for one, other in pairwise(ordered)]
    open_runs: list[tuple[int, int]] = []
    for place, length in enumerate([*shared, 0]):
        first = place
        while open_runs and open_runs[-1][1] > length:
            first, longer = open_runs.pop()
            yield first, place + 1, longer
        if length and (not open_runs or open_runs[-1][1] < length):
            open_runs.append((first, length))


def _n_shared(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


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
        words = frozenset(word for word, n in counts.items() if n >= MOST_PROMPTS * len(distinct))
        n_words = sum(len(text.split()) for text in distinct)
        n_shared = sum(word in words for text in distinct for word in text.split())
        if len(words) >= FEWEST_IN_TEMPLATE and n_shared >= LEAST_SHARE * n_words:
            yield Template(words=words, members=tuple(members))
