"""Groups of prompts that must stay on one side of every split: copies, near copies, twins, given groups."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from datasketch import MinHash, MinHashLSH
from scipy.cluster.hierarchy import DisjointSet
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from unsinter.features.records.group_labels import group_labels
from unsinter.features.records.record import PromptRecord
from unsinter.features.records.twins import Pair, same_values, twin_pairs
from unsinter.features.records.wrappers import FEWEST_PROMPTS, Wrapper, shared_wrappers, without_wrappers

SHINGLE = 5
"""Characters per shingle."""

FEWEST_WORDS = 3
"""Prompts with fewer content words are compared by shingles alone: two words are often a mere topic."""

FRAME = frozenset(
    "advice article code comprehensive create demonstrate describe detail detailed develop essay "  # noqa: SIM905
    "example "
    "explain explaining explanation generate give guide instruct instruction instructions list manual method "
    "methods outline people plan please program provide script show simple someone step steps strategy "
    "suggest teach tell text tips tutorial use user users using ways write".split()
)
"""Words that ask rather than say what is asked for."""

BANDS, ROWS_PER_BAND = 42, 3
"""A pair of Jaccard similarity s becomes a candidate with probability 1 - (1 - s^3)^42: 0.99996 at 0.6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One group label per record, and what was joined to get it."""

    labels: tuple[str, ...]
    """(n_records,) the smallest given group of the joined ones; without any, the smallest record id."""

    n_groups: int

    n_given: int
    """Groups before any text was compared: given groups joined by twins, plus each record without either."""

    n_copies: int
    """Records whose normalised text another, earlier record has."""

    largest: int
    """Records in the largest group."""

    wrapped: tuple["Wrapped", ...] = ()
    """Wrappers that made near copies of different requests; empty where they were left out."""

    @property
    def n_joined(self) -> int:
        """How many groups disappeared because they were joined to another."""
        return self.n_given - self.n_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A wrapper whose words made near copies of different requests."""

    opening: str
    """Its first words."""

    n_records: int
    n_requests: int
    """Groups that these records would be without the wrapper."""


def normalise(text: str) -> str:
    """Return the text as it is compared: compatibility form, case folded, runs of non-letters one blank."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in folded).split()
    return " ".join(words) or " ".join(folded.split())


def near_duplicates(
    texts: Sequence[str], *, threshold: float = 0.6, word_threshold: float | None = 0.75, seed: int = 0
) -> dict[Pair, float]:
    """Return every pair i < j of texts that are nearly the same, with the similarity that says so.

    Two texts are, when the Jaccard similarity of their character 5-grams is at least ``threshold``, or that
    of their content words (English stop words and words of asking left out) at least ``word_threshold``;
    None leaves the words out. Candidates come from MinHash bands and are verified exactly, so no pair is
    false; a true pair at 0.6 is missed with probability below 1e-4, at lower thresholds more often.

    Raises
    ------
    ValueError : a threshold is not in (0, 1].
    TypeError : one text instead of several, or an entry that is none.
    """
    texts = _listed(texts)
    similar: dict[Pair, float] = {}
    for sets, least in _views([normalise(text) for text in texts], threshold, word_threshold):
        first, members = _members(sets)
        for one, other, jaccard in _links(first, least, seed):
            for pair in product(members[one], members[other]):
                similar.setdefault((min(pair), max(pair)), jaccard)
        for same in members.values():
            similar.update(dict.fromkeys(combinations(same, 2), 1.0))
    return dict(sorted(similar.items()))


def group_prompts(
    records: Sequence[PromptRecord],
    *,
    threshold: float = 0.6,
    word_threshold: float | None = 0.75,
    strip_wrapper: bool = False,
    seed: int = 0,
) -> Grouping:
    """Return final groups: given groups, twins, copies and near copies, joined transitively.

    A given group is never split, only joined to others; thresholds as in `near_duplicates`. With
    ``strip_wrapper`` prompts are compared without the text that stands around many of them.

    Raises
    ------
    RecordError : a pair_id that can be read as a name and as an id. ValueError : a threshold not in (0, 1].
    """
    texts = [normalise(record.prompt) for record in records]
    wrappers = shared_wrappers(texts)
    if strip_wrapper:
        texts = without_wrappers(texts, wrappers)
    joined = DisjointSet(range(len(records)))
    for pair in [*same_values(record.group for record in records), *twin_pairs(records)]:
        joined.merge(*pair)
    n_given = joined.n_subsets
    copies = same_values(texts)
    for pair in copies:
        joined.merge(*pair)
    likeness = _Likeness(threshold=threshold, word_threshold=word_threshold, seed=seed)
    likeness.join(joined, texts)
    roots = [joined[index] for index in range(len(records))]
    return Grouping(
        labels=group_labels(records, roots),
        n_groups=joined.n_subsets,
        n_given=n_given,
        n_copies=len(copies),
        largest=max(Counter(roots).values(), default=0),
        wrapped=() if strip_wrapper else tuple(_wrapped(wrappers, texts, roots=roots, likeness=likeness)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likeness:
    """What makes two texts near copies; thresholds as in `near_duplicates`."""

    threshold: float
    word_threshold: float | None
    seed: int

    def join(self, joined: DisjointSet, texts: Sequence[str]) -> None:
        """Join the places of normalised texts that are near copies."""
        for sets, least in _views(texts, self.threshold, self.word_threshold):
            first, members = _members(sets)
            for same in members.values():
                for index in same[1:]:
                    joined.merge(same[0], index)
            # A thousand prompts of one template are half a million pairs; joined ones need no second look.
            for one, other, _ in _links(first, least, self.seed, joined):
                joined.merge(one, other)


def _wrapped(
    wrappers: Sequence[Wrapper], texts: Sequence[str], *, roots: Sequence[int], likeness: _Likeness
) -> Iterator[Wrapped]:
    """Yield the wrappers whose prompts stand in one group and would not without them."""
    for wrapper in wrappers:
        root, n_records = Counter(roots[index] for index in wrapper.members).most_common(1)[0]
        if n_records < FEWEST_PROMPTS:
            continue
        inner = without_wrappers(texts, [wrapper])
        own = [inner[index] for index in wrapper.members if roots[index] == root]
        apart = DisjointSet(range(len(own)))
        for pair in same_values(own):
            apart.merge(*pair)
        likeness.join(apart, own)
        if apart.n_subsets >= FEWEST_PROMPTS:
            yield Wrapped(opening=wrapper.opening, n_records=n_records, n_requests=apart.n_subsets)


def _listed(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str | bytes):
        raise TypeError(f"texts must be a list of texts, got one text ({texts[:20]!r}); put it into a list.")
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"texts must hold text in every row, got {text!r} in row {place} counted from 0.")
    return listed


def _views(
    texts: Sequence[str], threshold: float, word_threshold: float | None
) -> Iterator[tuple[list[frozenset[str]], float]]:
    """Yield the sets by which normalised texts are compared, each with the least similarity that joins."""
    for name, value in (("threshold", threshold), ("word_threshold", word_threshold)):
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"{name} must be above 0 and at most 1, got {value}.")
    yield [_shingles(text) for text in texts], threshold
    if word_threshold is not None:
        yield [_content_words(text) for text in texts], word_threshold


def _members(
    sets: Sequence[frozenset[str]],
) -> tuple[dict[int, frozenset[str]], dict[int, list[int]]]:
    """Return each distinct set under its first place, and all its places; empty sets resemble nothing."""
    first: dict[frozenset[str], int] = {}
    members: dict[int, list[int]] = defaultdict(list)
    for index, items in enumerate(sets):
        if items:
            members[first.setdefault(items, index)].append(index)
    return {index: items for items, index in first.items()}, members


def _links(
    sets: dict[int, frozenset[str]], threshold: float, seed: int, joined: DisjointSet | None = None
) -> Iterator[tuple[int, int, float]]:
    """Yield (key, key, Jaccard) of similar sets, leaving out pairs that ``joined`` holds together."""
    n_hashes = BANDS * ROWS_PER_BAND
    index = MinHashLSH(num_perm=n_hashes, params=(BANDS, ROWS_PER_BAND))
    encoded = ([item.encode() for item in items] for items in sets.values())
    sketches = MinHash.generator(encoded, num_perm=n_hashes, seed=seed + 1)
    for (key, items), sketch in zip(sets.items(), sketches, strict=True):
        for other in index.query(sketch):
            if joined is not None and joined.connected(key, other):
                continue
            shared = len(items & sets[other])
            jaccard = shared / (len(items) + len(sets[other]) - shared)
            if jaccard >= threshold:
                yield other, key, jaccard
        index.insert(key, sketch, check_duplication=False)


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1)))


def _content_words(text: str) -> frozenset[str]:
    words = frozenset(text.split()) - ENGLISH_STOP_WORDS - FRAME
    return words if len(words) >= FEWEST_WORDS else frozenset()
