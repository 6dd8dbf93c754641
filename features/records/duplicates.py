"""Groups of prompts that must stay on one side of every split: copies, near copies, twins, given groups."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from unsinter.features.records.components import Components, Pair, group_labels, same_values, twin_pairs
from unsinter.features.records.likeness_views import likeness_views
from unsinter.features.records.record import PromptRecord
from unsinter.features.records.similar_sets import similar_pairs
from unsinter.features.records.wrappers import (
    FEWEST_PROMPTS,
    Wrapper,
    shared_templates,
    shared_wrappers,
    without_wrappers,
)

_NO_LETTERS = re.compile(r"[\W_]+")


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
    """A wrapper or a template whose words made near copies of different requests."""

    opening: str
    """Its first words, with dots for slots."""

    n_records: int
    n_requests: int
    """Groups that these records would be without the wrapper."""

    is_template: bool = False
    """Whether requests stand in several places of it, rather than in one."""


def normalise(text: str) -> str:
    """Return the text as it is compared: compatibility form, case folded, runs of non-letters one blank."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _NO_LETTERS.sub(" ", folded).strip()
    return words or " ".join(folded.split())


def near_duplicates(
    texts: Sequence[str],
    *,
    threshold: float = 0.6,
    word_threshold: float | None = 0.75,
    groups: Sequence[Hashable] | None = None,
) -> dict[Pair, float]:
    """Return every pair i < j of texts that are nearly the same, with the similarity that says so.

    Two texts are, when the Jaccard similarity of their character 5-grams is at least ``threshold``, or that
    of their content words (English stop words and words of asking left out) at least ``word_threshold``;
    None leaves the words out. Candidates come from MinHash bands and are verified exactly, so no pair is
    false; a true pair at 0.6 is missed with probability below 1e-4, at lower thresholds more often.

    Parameters
    ----------
    groups : one per text; pairs within a group are left out, which saves most of the work where copies have
        been put into groups before.

    Raises
    ------
    ValueError : a threshold is not in (0, 1], or not one group per text.
    TypeError : one text instead of several, or an entry that is none.
    """
    places: dict[str, list[int]] = {}
    for place, text in enumerate(_listed(texts)):
        places.setdefault(normalise(text), []).append(place)
    distinct = list(places)
    similar = {pair: 1.0 for same in places.values() for pair in combinations(same, 2)}
    together = None if groups is None else _in_one_group(list(places.values()), list(groups))
    for view in likeness_views(distinct, threshold, word_threshold):
        for one, other in similar_pairs(view.codes, view.least, together):
            jaccard = view.similarity(distinct[one], distinct[other])
            if jaccard >= view.least:
                for pair in product(places[distinct[one]], places[distinct[other]]):
                    similar.setdefault((min(pair), max(pair)), jaccard)
    if groups is not None:
        similar = {pair: jaccard for pair, jaccard in similar.items() if groups[pair[0]] != groups[pair[1]]}
    return dict(sorted(similar.items()))


def _in_one_group(places: Sequence[Sequence[int]], groups: Sequence[Hashable]) -> Components:
    """Return distinct texts joined where all of their places are in one and the same group."""
    if (n_texts := sum(map(len, places))) != len(groups):
        raise ValueError(f"groups must have one entry per text, got {len(groups)} for {n_texts}.")
    joined = Components(len(places))
    first: dict[Hashable, int] = {}
    for number, own in enumerate(places):
        names = {groups[place] for place in own}
        if len(names) == 1:
            joined.merge(first.setdefault(names.pop(), number), number)
    return joined


def group_prompts(
    records: Sequence[PromptRecord],
    *,
    threshold: float = 0.6,
    word_threshold: float | None = 0.75,
    strip_wrapper: bool = False,
) -> Grouping:
    """Return final groups: given groups, twins, copies and near copies, joined transitively.

    A given group is never split, only joined to others; thresholds as in `near_duplicates`. With
    ``strip_wrapper`` prompts are compared without the text that stands around many of them.

    Raises
    ------
    RecordError : a pair_id that can be read as a name and as an id.
    ValueError : a threshold not in (0, 1].
    """
    texts = [normalise(record.request) for record in records]
    wrappers = shared_wrappers(texts)
    likeness = _Likeness(threshold=threshold, word_threshold=word_threshold)
    if strip_wrapper:
        texts = likeness.without_templates(without_wrappers(texts, wrappers))
    joined = Components(len(records))
    for pair in [*same_values(record.group for record in records), *twin_pairs(records)]:
        joined.merge(*pair)
    n_given = joined.n_sets
    copies = same_values(texts)
    likeness.join(joined, texts)
    roots = [joined.root(index) for index in range(len(records))]
    return Grouping(
        labels=group_labels(records, roots),
        n_groups=joined.n_sets,
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

    def join(self, joined: Components, texts: Sequence[str]) -> None:
        """Join the places of normalised texts that are copies or near copies."""
        for pair in same_values(texts):
            joined.merge(*pair)
        first: dict[str, int] = {}
        for place, text in enumerate(texts):
            first.setdefault(text, place)
        distinct = list(first)
        for view in likeness_views(distinct, self.threshold, self.word_threshold):
            apart = Components(len(distinct))
            # What is joined already needs no second look.
            places: dict[int, int] = {}
            for place, text in enumerate(distinct):
                apart.merge(places.setdefault(joined.root(first[text]), place), place)
            for one, other in similar_pairs(view.codes, view.least, apart):
                is_new = apart.root(one) != apart.root(other)
                if is_new and view.similarity(distinct[one], distinct[other]) >= view.least:
                    apart.merge(one, other)
                    joined.merge(first[distinct[one]], first[distinct[other]])

    def n_apart(self, texts: Sequence[str]) -> int:
        """Return how many groups normalised texts are."""
        joined = Components(len(texts))
        self.join(joined, texts)
        return joined.n_sets

    def without_templates(self, texts: Sequence[str]) -> list[str]:
        """Return normalised texts (n,), those of a template as what fills its slots."""
        joined = Components(len(texts))
        self.join(joined, texts)
        inner = list(texts)
        for template in shared_templates(texts, [joined.root(place) for place in range(len(texts))]):
            for place in template.members:
                inner[place] = template.inner(texts[place])
        return inner


def _wrapped(
    wrappers: Sequence[Wrapper], texts: Sequence[str], *, roots: Sequence[int], likeness: _Likeness
) -> Iterator[Wrapped]:
    """Yield the wrappers and templates whose prompts stand in one group and would not without them."""
    explained = set()
    for wrapper in wrappers:
        root, n_records = Counter(roots[index] for index in wrapper.members).most_common(1)[0]
        if n_records < FEWEST_PROMPTS:
            continue
        inner = without_wrappers(texts, [wrapper])
        n_requests = likeness.n_apart([inner[index] for index in wrapper.members if roots[index] == root])
        if n_requests >= FEWEST_PROMPTS:
            explained.add(root)
            yield Wrapped(opening=wrapper.opening, n_records=n_records, n_requests=n_requests)
    for template in shared_templates(texts, roots):
        if roots[template.members[0]] in explained:
            continue
        n_requests = likeness.n_apart([template.inner(texts[index]) for index in template.members])
        if n_requests >= FEWEST_PROMPTS:
            outline = template.outline(texts[template.members[0]])
            n_records = len(template.members)
            yield Wrapped(opening=outline, n_records=n_records, n_requests=n_requests, is_template=True)


def _listed(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str | bytes):
        raise TypeError(f"texts must be a list of texts, got one text ({texts[:20]!r}); put it into a list.")
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"texts must hold text in every row, got {text!r} in row {place} counted from 0.")
    return listed
