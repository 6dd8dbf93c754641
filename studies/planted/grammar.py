"""Writes requests from the grammar: one scene gives a harmful request and its harmless twin."""

import random
import re
from dataclasses import dataclass

from unsinter.studies.planted.vocabulary import Item, phrasing

CUES = ("polite", "casual", "brief", "formal")
TYPO_RATE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Every choice behind a prompt except the side, so that twins differ in that alone."""

    item: Item
    cue: str
    sentences: tuple[str, str]
    """The request, harmful and harmless; both the same for an alarming idiom."""

    wrapper: str
    """The fictional frame around the request, holding `{r}`; just `{r}` where there is none."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    noise_seed: int
    lower: bool


def draw_scene(item: Item, *, cue: str, wrapped: bool, rng: random.Random) -> Scene:
    """Draw one scene about an item, with a wording cue of the named kind."""
    words = phrasing()
    person = rng.choice(words["people"])
    sentences = _idiom(item, person, rng) if item.is_alarming else _request(item, person, rng)
    pool = words["asides"] if item.is_alarming else [*words["asides"], *words["owned_asides"] * 3]
    asides = [_fill(text, item, person, rng) for text in _some(pool, (0.35, 0.45, 0.2), rng)]
    split = rng.randint(0, len(asides))
    opening, closing = _cue_surfaces(cue, rng)
    return Scene(
        item=item,
        cue=cue,
        sentences=sentences,
        wrapper=rng.choice(words["wrappers"]) if wrapped else "{r}",
        before=(*opening, *asides[:split]),
        after=(*asides[split:], *closing),
        noise_seed=rng.getrandbits(32),
        lower=rng.random() < 0.3,
    )


def render(scene: Scene, *, harmful: bool) -> str:
    """Return the prompt of one side of a scene, with its noise: typing errors, fillers, lost punctuation."""
    request = scene.wrapper.replace("{r}", scene.sentences[0 if harmful else 1])
    text = " ".join((*scene.before, request, *scene.after))
    # An opening that ends in a comma or a colon runs on into the sentence.
    text = re.sub(r"([,:]) ([A-Z])(?=[a-z]+ )", lambda m: f"{m[1]} {m[2].lower()}", text)
    return _with_noise(text, lower=scene.lower, rng=random.Random(scene.noise_seed))


def _request(item: Item, person: str, rng: random.Random) -> tuple[str, str]:
    words = phrasing()
    shares = words["shares"]
    structure = rng.choices(list(shares), weights=list(shares.values()))[0]
    seed = rng.getrandbits(32)
    if structure == "agent":
        pair = rng.choice(words["agents"])
        question = rng.choice(words["agent_questions"])
        sides = [f"{side} {question}" for side in pair]
    else:
        pair = rng.choice(words["structures"][structure])
        tail = " " + rng.choice(words["tails"]) if rng.random() < 0.35 else ""
        ask = rng.choice(words["asks"])
        sides = [ask.replace("{vp}", side + tail) for side in pair]
    harmful, harmless = (_fill(side, item, person, random.Random(seed)) for side in sides)
    return harmful, harmless


def _idiom(item: Item, person: str, rng: random.Random) -> tuple[str, str]:
    words = phrasing()
    tail = " " + rng.choice(words["tails"]) if rng.random() < 0.35 else ""
    place = " {at_own}" if rng.random() < 0.25 else " {at_x}" if rng.random() < 0.33 else ""
    ask = rng.choice(words["asks"]).replace("{vp}", "{do} {thing}" + place + tail)
    text = _fill(ask, item, person, rng)
    return text, text


def _fill(text: str, item: Item, person: str, rng: random.Random) -> str:
    own = rng.choice(phrasing()["own"])
    place = rng.choice(phrasing()["places"])
    plain, _ = rng.choice(item.ordinary) if item.ordinary else ("", "")
    possessive = f"{person}'s"
    slots = {
        "{doing}": item.gerund,
        "{do}": item.verb,
        "{plain}": plain,
        "{thing}": item.thing,
        "{xs}": possessive,
        "{x}": person,
        "{X}": person[0].upper() + person[1:],
        "{own}": own,
        "{at_x}": place.replace("{whose}", possessive),
        "{at_own}": place.replace("{whose}", own),
    }
    for slot, value in slots.items():
        text = text.replace(slot, value)
    return text


def _cue_surfaces(cue: str, rng: random.Random) -> tuple[list[str], list[str]]:
    surfaces = phrasing()["cues"][cue]
    where = rng.choice(("opening", "closing", "both"))
    opening = [rng.choice(surfaces["opening"])] if where != "closing" else []
    closing = [rng.choice(surfaces["closing"])] if where != "opening" else []
    return opening, closing


def _some(choices: list[str], weights: tuple[float, ...], rng: random.Random) -> list[str]:
    """Draw none, one or two different choices."""
    return rng.sample(choices, rng.choices(range(len(weights)), weights=weights)[0])


def _with_noise(text: str, *, lower: bool, rng: random.Random) -> str:
    words = text.split(" ")
    if rng.random() < 0.2:
        place = rng.randrange(1, len(words))
        words.insert(place, rng.choice(phrasing()["fillers"]))
    text = " ".join(_typo(word, rng) if rng.random() < TYPO_RATE else word for word in words)
    if lower:
        text = text.lower()
    if rng.random() < 0.15:
        text = text.replace("'", "")
    if rng.random() < 0.25:
        text = text.rstrip(".?!,")
    return text[0].upper() + text[1:] if not lower else text


def _typo(word: str, rng: random.Random) -> str:
    if len(word) < 5:
        return word
    at = rng.randrange(1, len(word) - 2)
    kind = rng.choice(("swap", "drop", "double"))
    if kind == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == "drop" else word[:at] + word[at] + word[at:]
