"""Groups of prompts that must stay on one side of every split: copies, near copies, twins, given groups."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from unsinter.features.records import PromptRecord

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

Pair = tuple[int, int]


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

    n_near_pairs: int
    """Pairs of different texts at or above the similarity threshold."""

    largest: int
    """Records in the largest group."""

    @property
    def n_joined(self) -> int:
        """How many groups disappeared because they were joined to another."""
        return self.n_given - self.n_groups


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
    ValueError : the threshold is not in (0, 1].
    """
    for name, value in (("threshold", threshold), ("word_threshold", word_threshold)):
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"{name} must be above 0 and at most 1, got {value}.")
    plain = [normalise(text) for text in texts]
    similar = _similar([_shingles(text) for text in plain], threshold, seed)
    if word_threshold is not None:
        similar = _similar([_content_words(text) for text in plain], word_threshold, seed) | similar
    return dict(sorted(similar.items()))


def _similar(sets: Sequence[frozenset[str]], threshold: float, seed: int) -> dict[Pair, float]:
    """Return the pairs of sets with a Jaccard similarity >= threshold; an empty set resembles nothing."""
    first: dict[frozenset[str], int] = {}
    members: dict[int, list[int]] = defaultdict(list)
    for index, items in enumerate(sets):
        if items:
            members[first.setdefault(items, index)].append(index)
    similar: dict[Pair, float] = {}
    for one, other in _candidates({index: items for items, index in first.items()}, seed):
        shared = len(sets[one] & sets[other])
        jaccard = shared / (len(sets[one]) + len(sets[other]) - shared)
        if jaccard >= threshold:
            pairs = ((a, b) if a < b else (b, a) for a in members[one] for b in members[other])
            similar.update(dict.fromkeys(pairs, jaccard))
    for same in members.values():
        similar.update(dict.fromkeys(combinations(same, 2), 1.0))
    return similar


def group_prompts(records: Sequence[PromptRecord], *, threshold: float = 0.6, seed: int = 0) -> Grouping:
    """Return final groups: given groups, twins, copies and near copies, joined transitively.

    A given group is never split, only joined to others.
    """
    texts = [normalise(record.prompt) for record in records]
    near = near_duplicates(texts, threshold=threshold, seed=seed)
    told = [*_same(record.group for record in records), *_twins(records)]
    given = _components(len(records), told)
    copies = _same(texts)
    final = _components(len(records), [*told, *copies, *near])
    sizes = Counter(final.tolist())
    return Grouping(
        labels=_names(records, final),
        n_groups=len(sizes),
        n_given=int(np.unique(given).size),
        n_copies=len(copies),
        n_near_pairs=sum(texts[one] != texts[other] for one, other in near),
        largest=max(sizes.values(), default=0),
    )


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1)))


def _content_words(text: str) -> frozenset[str]:
    words = frozenset(text.split()) - ENGLISH_STOP_WORDS - FRAME
    return words if len(words) >= FEWEST_WORDS else frozenset()


def _candidates(sets: dict[int, frozenset[str]], seed: int) -> Iterable[Pair]:
    """Yield each pair of keys that share a MinHash band, once."""
    n_hashes = BANDS * ROWS_PER_BAND
    index = MinHashLSH(num_perm=n_hashes, params=(BANDS, ROWS_PER_BAND))
    encoded = ([item.encode() for item in items] for items in sets.values())
    sketches = MinHash.generator(encoded, num_perm=n_hashes, seed=seed + 1)
    for key, sketch in zip(sets, sketches, strict=True):
        for other in index.query(sketch):
            yield (other, key)
        index.insert(key, sketch, check_duplication=False)


def _same(values: Iterable[str | None]) -> list[Pair]:
    """Return an edge from each value to its first occurrence; None equals nothing."""
    first: dict[str, int] = {}
    pairs = []
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            pairs.append((first[value], index))
    return pairs


def _twins(records: Sequence[PromptRecord]) -> list[Pair]:
    """Return edges between twins, whether ``pair_id`` names the other record or a name both share."""
    place = {record.id: index for index, record in enumerate(records)}
    named = [
        (index, place[record.pair_id])
        for index, record in enumerate(records)
        if record.pair_id is not None and record.pair_id in place
    ]
    return [*named, *_same(record.pair_id for record in records)]


def _components(n: int, pairs: Iterable[Pair]) -> np.ndarray:
    """Return the number of each node's connected component (n,)."""
    edges = np.array(list(pairs), dtype=np.intp).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return connected_components(graph.tocsr(), directed=False)[1]


def _names(records: Sequence[PromptRecord], components: np.ndarray) -> tuple[str, ...]:
    """Name each component after its smallest given group, or its smallest id where it has none."""
    groups: dict[int, str] = {}
    ids: dict[int, str] = {}
    for record, component in zip(records, components.tolist(), strict=True):
        ids[component] = min(ids.get(component, record.id), record.id)
        if record.group is not None:
            groups[component] = min(groups.get(component, record.group), record.group)
    taken = set(groups.values())
    for component in sorted(ids.keys() - groups.keys(), key=lambda number: ids[number]):
        name = ids[component]
        # An id may equal another record's group by chance; two components must not get one name.
        while name in taken:
            name += "'"
        taken.add(name)
        groups[component] = name
    return tuple(groups[component] for component in components.tolist())
