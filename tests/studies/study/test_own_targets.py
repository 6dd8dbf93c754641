"""How a study file names its targets, its pairs, and how many groups it needs."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.figures.verdict_text import factor, thresholds_of
from unsinter.studies.run.across_categories_step import across_rule
from unsinter.studies.run.separation_step import rule_of
from unsinter.studies.study.built_in_targets import BUILT_IN
from unsinter.studies.study.file import StudyError, parse_study
from unsinter.studies.study.own_targets import RESERVED, OwnTarget, class_name
from unsinter.studies.study.targets import definition_of, in_order, read_definitions

OWN = {"name": "jailbreak", "field": "is_jailbreak", "where": {"harmful": [True]}}
BASE = {"name": "s", "models": [{"name": "m", "path": "planted:detached"}], "prompts": {}, "responses": {}}


def study(**changes):
    return parse_study(BASE | changes, origin=Path("study.yaml"))


def refusal(**changes):
    with pytest.raises(StudyError) as caught:
        study(**changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_study_names_letters_and_targets_of_its_own():
    made = study(targets=["D", "R", OWN], separation={"pairs": ["D-R", "jailbreak-R", "D-jailbreak"]})
    assert made.target_names == ("D", "R", "jailbreak")
    (own,) = made.own_targets
    assert own.where == {"harmful": (True,)}
    resolved = yaml.safe_load(yaml.safe_dump(json.loads(made.model_dump_json())))
    assert parse_study(resolved, origin=Path("study.yaml")) == made
    assert json.loads(study(targets=["D"]).model_dump_json())["targets"] == ["D"]  # as in earlier runs


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"targets": ["D", "X"]}, ("targets.1", "D, C, R, W", "jailbreak")),
        ({"targets": ["D", 3]}, ("targets.1",)),
        ({"targets": [OWN | {"nme": 1}]}, ("targets.0.nme", "did you mean 'name'")),
        ({"targets": [{"name": "x"}]}, ("targets.0.field", "is missing; write it")),
        ({"targets": [OWN, OWN | {"name": "Jailbreak"}]}, ("'Jailbreak' twice",)),
        ({"targets": [OWN | {"name": "r"}]}, ("taken",)),
        ({"targets": [OWN | {"name": "topic"}]}, ("taken",)),
        ({"targets": [OWN | {"name": "a/b"}]}, ("file names",)),
        ({"targets": [OWN | {"name": "x" * 41}]}, ("39 more",)),
        ({"targets": [OWN | {"title": "two\nlines"}]}, ("one line",)),
        ({"targets": [OWN | {"where": {"harmful": []}}]}, ("targets.0.where.harmful",)),
        ({"targets": ["D"], "separation": {"pairs": ["D-X"]}}, ("separation.pairs", "D-topic")),
        ({"targets": [OWN], "separation": {"pairs": ["jailbreak-R"]}}, ("R is none of", "add it")),
        ({"targets": [OWN], "separation": {"pairs": ["jailbreak-jailbreak"]}}, ("jailbreak-jailbreak",)),
        ({"targets": [OWN], "separation": {"pairs": ["topic-jailbreak"]}}, ("the topic second",)),
        (
            {"targets": [OWN, "R"], "separation": {"pairs": ["R-jailbreak", "jailbreak-R"]}},
            ("'R-jailbreak' and 'jailbreak-R'", "one pair"),
        ),
        ({"targets": []}, ("targets: needs at least 1 entry, got 0",)),
        ({"targets": ["D", "R", "W"], "separation": {"pairs": ["R-W"]}}, ("'R-W'",)),
        ({"targets": [OWN], "separation": {"sure": {"jail": [1, 1]}}}, ("separation.sure", "jailbreak")),
        ({"targets": ["R"], "responses": None}, ("needs responses",)),
    ],
)
def test_a_target_or_pair_that_cannot_be_is_refused_in_one_line(changes, parts):
    message = refusal(**changes)
    for part in parts:
        assert part in message


@given(name=st.text(max_size=45))
@settings(max_examples=200, deadline=None)
def test_only_names_that_are_safe_in_files_and_pairs_are_taken(name):
    is_plain = name.isascii() and name[:1].isalpha() and name.replace("_", "a").isalnum() and len(name) <= 40
    try:
        OwnTarget(name=name, field="x")
        assert is_plain
        assert name.casefold() not in RESERVED
    except ValueError:
        assert not is_plain or name.casefold() in RESERVED


@given(value=st.one_of(st.booleans(), st.integers(), st.text(max_size=20)))
def test_the_name_of_a_class_is_stable(value):
    name = class_name(value)
    assert class_name(name) == name
    assert (
        class_name(float(value)) == name
        if isinstance(value, int) and abs(value) < 2**53 and not isinstance(value, bool)
        else True
    )


def test_a_run_is_read_with_the_targets_of_its_study():
    table = json.loads(study(targets=["D", OWN | {"title": "whether it is a jailbreak"}]).model_dump_json())
    known = read_definitions(table)
    assert list(known) == [*BUILT_IN, "jailbreak"]
    assert known["jailbreak"].asks == "whether it is a jailbreak"
    assert known["jailbreak"].title == "jailbreak  whether it is a jailbreak"
    assert "harmful is true" in known["jailbreak"].meaning
    hostile = {"targets": ["D", 7, None, {"name": "../x", "field": "y"}, {"name": "C", "field": "y"}]}
    assert list(read_definitions(hostile)) == list(read_definitions({"targets": "D"})) == list(BUILT_IN)
    assert in_order(["z", "W", "a", "D", "z"]) == ["D", "W", "z", "a"]
    assert definition_of("z").asks == factor("z") == "z"


def test_min_groups_of_the_study_is_obeyed_by_verdicts_and_the_study_over_categories():
    def needed(**changes):
        made = study(**changes)
        table = json.loads(made.model_dump_json())
        again = parse_study(table, origin=Path("study.yaml"))  # as the run's own file has it
        assert again == made
        report = thresholds_of(table).min_groups
        assert report == rule_of(made).min_groups
        return made.min_groups, rule_of(made).min_groups, across_rule(made).min_groups

    assert needed() == (30, 10, 30)
    assert needed(min_groups=20) == (20, 20, 20)
    assert needed(min_groups="20") == needed(min_groups=20.0) == (20, 20, 20)
    assert needed(min_groups=300) == (300, 300, 300)
    assert needed(min_groups=3) == (3, 10, 10)  # below ten the error rates of a verdict are not known
    assert needed(min_groups=20, separation={"min_groups": 40}) == (20, 40, 40)
    assert needed(separation={"min_groups": 40}) == (30, 40, 40)
    assert needed(min_groups=20, separation={"draws": 200}) == (20, 20, 20)
    # A resolved file of an earlier version writes both: its run had the defaults, and keeps them.
    assert needed(min_groups=30, separation={"min_groups": None}) == (30, 10, 30)
