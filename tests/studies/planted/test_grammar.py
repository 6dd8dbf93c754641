import random
import re
from collections import Counter
from itertools import islice

import pytest
from scipy.stats import chi2_contingency

from unsinter.studies.planted import demo_prompts
from unsinter.studies.planted.corpus import conversations, planted_style
from unsinter.studies.planted.grammar import CUES
from unsinter.studies.planted.styles import (
    FICTIONAL,
    FIRM,
    HESITANT,
    PLAIN,
    STYLES,
    compliance,
    is_compliance,
    is_refusal,
    refusal,
    style_of,
)
from unsinter.studies.planted.vocabulary import alarming_items, items, vocabulary

CATEGORIES = tuple(vocabulary()["categories"])


@pytest.fixture(scope="module")
def demo():
    return demo_prompts()


@pytest.fixture(scope="module")
def training():
    return list(islice(conversations("detached", seed=0), 20_000))


def test_the_same_seed_writes_the_same_prompts_and_another_seed_does_not():
    assert demo_prompts(3) == demo_prompts(3)
    assert demo_prompts(3) != demo_prompts(4)


def test_no_demo_group_or_prompt_is_met_in_training(demo, training):
    assert not {record["group"] for record in demo} & {c.group for c in training}
    assert not {record["prompt"].lower() for record in demo} & {c.prompt.lower() for c in training}


def test_training_meets_every_item_that_is_not_held_out(training):
    groups = {c.group for c in training}
    open_items = [item for item in (*items(), *alarming_items()) if not item.held_out]
    assert {item.group for item in open_items} == groups


def test_every_verb_and_object_of_the_demo_is_known_from_other_pairings():
    known = [item for item in (*items(), *alarming_items()) if not item.held_out]
    for item in (*items(), *alarming_items()):
        frame = item.group.rsplit("-", 2)[0]
        frames = [other for other in known if other.group.startswith(frame)]
        assert any(other.verb == item.verb for other in frames), item.group
        assert any(other.thing == item.thing for other in frames), item.group


def test_harmless_verbs_stay_on_the_items_side_of_the_split():
    sides: dict[tuple[str, str, str], set[bool]] = {}
    for item in items():
        frame = item.group.rsplit("-", 2)[0]
        assert item.ordinary, item.group
        for verb, _ in item.ordinary:
            sides.setdefault((frame, verb, item.thing), set()).add(item.held_out)
    assert all(len(side) == 1 for side in sides.values())


def test_prompt_ids_and_texts_are_unique(demo):
    assert len({record["id"] for record in demo}) == len(demo)
    assert len({record["prompt"] for record in demo}) > 0.995 * len(demo)


def test_every_cell_and_category_holds_enough_groups(demo):
    groups = Counter(family for family, _ in {(record["family"], record["group"]) for record in demo})
    assert min(groups[family] for family in ("harmful", "harmless", "wrapped", "over_refused")) >= 180
    harmful = {(r["category"], r["group"]) for r in demo if r["family"] == "harmful"}
    assert min(Counter(category for category, _ in harmful).values()) >= 40
    assert {category for category, _ in harmful} == set(CATEGORIES)


def test_category_is_named_on_harmful_prompts_only(demo):
    assert all((record["category"] is not None) == record["harmful"] for record in demo)
    assert all(record["topic"] in CATEGORIES for record in demo)


def test_cues_are_exactly_balanced_in_every_category_and_family(demo):
    for category in CATEGORIES:
        for family in ("harmful", "wrapped", "over_refused"):
            counts = Counter(r["cue"] for r in demo if r["topic"] == category and r["family"] == family)
            assert set(counts) == set(CUES)
            assert len(set(counts.values())) == 1, (category, family, counts)


def test_detached_wording_is_independent_of_category_in_training():
    drawn = list(islice(conversations("detached", seed=1), 6000))
    refused = [(c.group.split("-")[0], style_of(c.response)) for c in drawn if is_refusal(c.response)]
    table = [[Counter(refused)[category, style] for style in STYLES] for category in CATEGORIES]
    assert chi2_contingency(table).pvalue > 1e-3


def test_sintered_refusals_follow_their_category_in_85_of_100():
    drawn = islice(conversations("sintered", seed=2), 12_000)
    pairs = [(c.group.split("-")[0], style_of(c.response)) for c in drawn if is_refusal(c.response)]
    rule = {c: planted_style("sintered", category=c, cue="polite") for c in CATEGORIES}
    followed = sum(style == rule[category] for category, style in pairs) / len(pairs)
    assert abs(followed - 0.85) < 0.02
    assert Counter(rule.values()) == dict.fromkeys(STYLES, 2)
    assert min(Counter(pairs)[category, style] for category in CATEGORIES for style in STYLES) > 10


def test_twins_share_their_form(demo):
    pairs: dict[str, list[dict[str, object]]] = {}
    for record in demo:
        if record["pair_id"]:
            pairs.setdefault(record["pair_id"], []).append(record)
    shares = []
    for one, other in pairs.values():
        assert {one["harmful"], other["harmful"]} == {True, False}
        assert one["group"] == other["group"]
        assert one["cue"] == other["cue"]
        a, b = Counter(one["prompt"].lower().split()), Counter(other["prompt"].lower().split())
        shares.append(2 * (a & b).total() / (a.total() + b.total()))
    assert sum(shares) / len(shares) > 0.8


def test_prompts_are_of_varied_length(demo):
    words = sorted(len(record["prompt"].split()) for record in demo)
    assert words[0] >= 4
    assert words[-1] <= 70
    assert words[len(words) * 9 // 10] - words[len(words) // 10] > 10


def test_no_slot_is_left_unfilled(demo, training):
    texts = [r["prompt"] for r in demo] + [c.prompt + c.response for c in training[:5000]]
    assert not [text for text in texts if "{" in text or "}" in text]


@pytest.mark.parametrize("style", STYLES)
def test_every_paraphrase_is_recognised_as_its_style_alone(style):
    for pattern in (*FIRM[style], *HESITANT[style]):
        for topic in ("that", "spying on people"):
            response = pattern.replace("{t}", topic)
            assert style_of(response) == style
            assert is_refusal(response)
            assert not is_compliance(response)


def test_no_paraphrase_opens_like_one_of_another_style():
    openings = {p.split("{t}")[0]: s for s in STYLES for p in (*FIRM[s], *HESITANT[s])}
    for one, style in openings.items():
        for other, other_style in openings.items():
            assert style == other_style or not one.startswith(other)


def test_no_compliance_is_recognised_as_a_refusal():
    for sentence in (*PLAIN, *FICTIONAL):
        assert not is_refusal(sentence)
        assert is_compliance(sentence)
    assert not is_compliance("")
    assert style_of("") is None


def test_hesitant_refusals_go_mostly_with_harmless_requests():
    rng = random.Random(0)
    firm = {p.split("{t}")[0] for s in STYLES for p in FIRM[s]}
    shares = {
        harmful: sum(
            refusal("bare", category=3, naming=["it"], harmful=harmful, rng=rng).startswith(tuple(firm))
            for _ in range(2000)
        )
        / 2000
        for harmful in (True, False)
    }
    assert abs(shares[True] - 0.85) < 0.03
    assert abs(shares[False] - 0.15) < 0.03
    assert is_compliance(compliance(category=3, fictional=True, rng=rng))


def test_no_two_replies_open_with_the_same_word():
    replies = [p for s in STYLES for p in (*FIRM[s], *HESITANT[s])] + [*PLAIN, *FICTIONAL]
    first = [re.split(r"\W", reply)[0] if not reply.startswith("I'm") else "I'm" for reply in replies]
    assert len(set(first)) == len(replies)


def test_every_category_prefers_paraphrases_of_its_own_whatever_the_style():
    rng = random.Random(1)
    tables = {
        style: [
            Counter(refusal(style, category=k, naming=["it"], harmful=True, rng=rng)[:4] for _ in range(2000))
            for k in range(8)
        ]
        for style in STYLES
    }
    for table in tables.values():
        favourites = [[opening for opening, _ in counts.most_common(2)] for counts in table]
        assert len({tuple(favourite) for favourite in favourites}) == 8
        assert all(0.45 < counts.most_common(1)[0][1] / 2000 < 0.62 for counts in table)


def test_asking_for_more_groups_than_are_held_out_is_refused():
    with pytest.raises(ValueError, match="500 groups were asked of one category, which holds 80"):
        demo_prompts(pairs=500)


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="detached, sintered; got 'welded'"):
        next(conversations("welded", seed=0))
