"""What of two texts is compared: runs of characters, and content words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from unsinter.features.records.text_codes import CodeSets, shingle_codes, word_codes

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

SHINGLE = 5
"""Characters per shingle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessView:
    """How texts are compared: by which sets, and from which similarity two of them are near copies."""

    least: float
    codes: CodeSets
    items: Callable[[str], frozenset[str]]

    def similarity(self, one: str, other: str) -> float:
        """Return the Jaccard similarity of two texts, from their sets and not from codes; 0 without any."""
        mine, theirs = self.items(one), self.items(other)
        return len(mine & theirs) / len(mine | theirs) if mine or theirs else 0.0


def likeness_views(
    texts: Sequence[str], threshold: float, word_threshold: float | None
) -> Iterator[LikenessView]:
    """Yield the ways in which normalised texts are compared, one after the other."""
    for name, value in (("threshold", threshold), ("word_threshold", word_threshold)):
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"{name} must be above 0 and at most 1, got {value}.")
    yield LikenessView(least=threshold, codes=shingle_codes(texts, SHINGLE), items=_shingles)
    if word_threshold is not None:
        yield LikenessView(
            least=word_threshold, codes=word_codes(texts, _content_words), items=_content_words
        )


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1)))


def _content_words(text: str) -> frozenset[str]:
    words = frozenset(text.split()) - stop_words() - FRAME
    return words if len(words) >= FEWEST_WORDS else frozenset()


@cache
def stop_words() -> frozenset[str]:
    """Return ``sklearn.feature_extraction.text.ENGLISH_STOP_WORDS``, without a second of imports.

    The list stands in a module that imports nothing; the package around it imports SciPy's statistics, which
    took half of ``unsinter check``.
    """
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or []:
        path = Path(folder) / "feature_extraction" / "_stop_words.py"
        spec = spec_from_file_location("_stop_words", path) if path.is_file() else None
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return frozenset(module.ENGLISH_STOP_WORDS)
    # A release that keeps the list elsewhere: the same words, by the public name.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)
