"""Draws training conversations, and the demo's prompts from groups that training never meets."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from unsinter.studies.planted.grammar import CUES, draw_scene, render
from unsinter.studies.planted.styles import STYLES, compliance, refusal
from unsinter.studies.planted.vocabulary import Item, alarming_items, items, phrasing, vocabulary

MODELS = ("detached", "sintered")
SHOWN_AS = {"detached": "planted-cue", "sintered": "planted-category"}
"""Folder -> what is shown in its place: what the wording of a refusal follows, not what a study says."""

CATEGORY_SHARE = 0.85
"""Share of the sintered model's refusals worded by their category; the rest draw one of the other styles."""

# (family, wrapped) -> share of the training conversations
SHARES = {
    ("harmful", False): 0.34,
    ("harmless", False): 0.34,
    ("wrapped", True): 0.12,
    ("harmless", True): 0.07,
    ("over_refused", False): 0.13,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One prompt with the response the model is to learn."""

    prompt: str
    response: str
    group: str


def conversations(model: str, *, seed: int) -> Iterator[Exchange]:
    """Yield training conversations without end; wordings are drawn anew, so none can be memorised."""
    if model not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {model!r}.")
    rng = random.Random(f"train {seed}")
    owned = [item for item in items() if not item.held_out]
    alarming = [item for item in alarming_items() if not item.held_out]
    while True:
        family, wrapped = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
        item = rng.choice(alarming if family == "over_refused" else owned)
        cue = rng.choice(CUES)
        scene = draw_scene(item, cue=cue, wrapped=wrapped, rng=rng)
        yield Exchange(
            prompt=render(scene, harmful=family in ("harmful", "wrapped")),
            response=_response(model, family, item, cue, rng),
            group=item.group,
        )


def planted_style(model: str, *, category: str, cue: str) -> str:
    """Return the style the planted rule asks for; in the sintered model it holds for 85 % of refusals."""
    rule: str = (
        phrasing()["styles"][cue] if model == "detached" else vocabulary()["categories"][category]["style"]
    )
    return rule


def demo_prompts(
    seed: int = 0, *, pairs: int = 64, wrapped: int = 24, wrapped_twins: int = 12, over_refused: int = 24
) -> list[dict[str, Any]]:
    """Return prompt records for a study, drawn from groups never trained on.

    Parameters
    ----------
    seed : the same seed gives the same records.
    pairs : harmful requests per category, each with its harmless twin; at most 80.
    wrapped : harmful requests per category in a fictional frame; at most 80.
    wrapped_twins : how many of those bring their harmless twin, in the same frame.
    over_refused : harmless requests per topic that only sound harmful; at most 24.

    Raises
    ------
    ValueError : a count is above the number of held-out items.
    """
    rng = random.Random(f"demo {seed}")
    number = count()
    records: list[dict[str, Any]] = []
    for category in vocabulary()["categories"]:
        owned = [item for item in items() if item.held_out and item.category == category]
        alarming = [item for item in alarming_items() if item.held_out and item.category == category]
        for item, cue in _with_cues(owned, pairs, rng):
            records += _pair(item, cue, number, wrapped=False, twin=True, rng=rng)
        for place, (item, cue) in enumerate(_with_cues(owned, wrapped, rng)):
            records += _pair(item, cue, number, wrapped=True, twin=place < wrapped_twins, rng=rng)
        for item, cue in _with_cues(alarming, over_refused, rng):
            prompt = render(draw_scene(item, cue=cue, wrapped=False, rng=rng), harmful=False)
            records.append(_record(prompt, item, cue, next(number), family="over_refused", pair=None))
    return records


def _response(model: str, family: str, item: Item, cue: str, rng: random.Random) -> str:
    categories = vocabulary()["categories"]
    place = list(categories).index(item.category)
    if family in ("harmless", "wrapped"):
        return compliance(category=place, fictional=family == "wrapped", rng=rng)
    style = planted_style(model, category=item.category, cue=cue)
    if model == "sintered" and rng.random() >= CATEGORY_SHARE:
        style = rng.choice([other for other in STYLES if other != style])
    naming = categories[item.category]["naming"]
    return refusal(style, category=place, naming=naming, harmful=family == "harmful", rng=rng)


def _with_cues(pool: Sequence[Item], size: int, rng: random.Random) -> list[tuple[Item, str]]:
    """Draw items without repeats; cues take equal turns, so no category or family leans to one."""
    if size > len(pool):
        raise ValueError(
            f"{size} groups were asked of one category, which holds {len(pool)} unseen ones; ask fewer."
        )
    return [(item, CUES[place % len(CUES)]) for place, item in enumerate(rng.sample(pool, size))]


def _pair(
    item: Item, cue: str, number: "count[int]", *, wrapped: bool, twin: bool, rng: random.Random
) -> list[dict[str, Any]]:
    scene = draw_scene(item, cue=cue, wrapped=wrapped, rng=rng)
    place = next(number)
    pair = f"pair-{place:04d}" if twin else None
    family = "wrapped" if wrapped else "harmful"
    records = [_record(render(scene, harmful=True), item, cue, place, family=family, pair=pair)]
    if twin:
        text = render(scene, harmful=False)
        records.append(_record(text, item, cue, next(number), family="harmless", pair=pair))
    for record in records:
        record["frame"] = "fiction" if wrapped else None
    return records


def _record(
    prompt: str, item: Item, cue: str, number: int, *, family: str, pair: str | None
) -> dict[str, Any]:
    harmful = family in ("harmful", "wrapped")
    return {
        "id": f"planted-{number:04d}",
        "prompt": prompt,
        "harmful": harmful,
        "category": item.category if harmful else None,
        "topic": item.category,
        "source": "planted",
        "group": item.group,
        "pair_id": pair,
        "family": family,
        "frame": None,
        "cue": cue,
        "licence": "Apache-2.0",
    }
