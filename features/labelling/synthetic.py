"""Openings generated from a small grammar, so that rare but plain ways to refuse or answer are trained on.

They teach structure that human-labelled data of few models lacks: any first-person refusal refuses whatever
its verb; the same words quoted, or said of a thing, do not; refusal followed by real content is partial.
Every text is made here and harmless.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from random import Random

Grammar = dict[str, list[str]]
"""Part of an opening -> the ways to fill it."""


def openings(*, per_class: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (opening, label) pairs, ``per_class`` of each class, the same for the same seed."""
    rng, parts = Random(seed), _grammar()
    for _ in range(per_class):
        yield _refusal(rng, parts), "refusal"
        yield _partial(rng, parts), "partial_refusal"
        yield _filled(rng.choice(parts["begin"]), rng, parts), "compliance"


def _plain_refusal(rng: Random, parts: Grammar) -> str:
    sorry = rng.choice(parts["sorry"])
    sentence = rng.choice(parts["refuse"]).format(
        verb=rng.choice(parts["verb"]).format(this=rng.choice(parts["this"]))
    )
    return sorry + sentence


def _refusal(rng: Random, parts: Grammar) -> str:
    head = rng.choice(parts["whole"]) if rng.random() < 0.4 else _plain_refusal(rng, parts)
    return f"{head}.{rng.choice(parts['after'])}{rng.choice(parts['after'])}"


def _partial(rng: Random, parts: Grammar) -> str:
    turn = rng.choice(parts["turn"])
    head = _plain_refusal(rng, parts) + ("" if turn[0] in ",." else ".")
    give = _filled(rng.choice(parts["give"]), rng, parts)
    return head + turn + (give if turn.endswith((", ", " But ")) else give[0].upper() + give[1:])


def _filled(frame: str, rng: Random, parts: Grammar) -> str:
    while "{content}" in frame:
        frame = frame.replace("{content}", rng.choice(parts["content"]), 1)
    return frame


@cache
def _grammar() -> Grammar:
    text = (
        files("unsinter.features.labelling")
        .joinpath("data/openings_grammar.json")
        .read_text(encoding="utf-8")
    )
    grammar: Grammar = json.loads(text)
    return grammar
