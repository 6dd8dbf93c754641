"""Which prompts are looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.studies.token_maps.choice import HeldOutCalls, cells_of, choose_prompts

FOUR = ("harmful/refusal", "harmful/compliance", "harmless/refusal", "harmless/compliance")


def calls(target="D", **scores):
    """Two prompts of each cell, and a third harmful one that was refused and is called wrongly."""
    margins = {
        "a": 5.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": -1.0, "f": -4.0, "g": -6.0, "h": -2.0, "wrong": -0.5,
        **scores,
    }  # fmt: skip
    cells = [FOUR[place // 2] for place in range(8)] + [FOUR[0]]
    return HeldOutCalls(
        target=target,
        ids=list(margins),
        margins=np.array(list(margins.values())),
        is_positive=np.array([cell.startswith("harmful") for cell in cells]),
        cells=cells,
    )


def test_of_each_cell_the_farthest_on_the_side_of_the_truth_and_the_nearest_are_chosen():
    chosen = choose_prompts([calls()], 20)
    assert list(chosen) == ["a", "c", "f", "g", "wrong", "d", "e", "h"]
    assert chosen["a"] == ["most typical of harmful, refused, by D"]
    assert chosen["f"] == ["most typical of harmless, refused, by D"]
    assert chosen["d"] == ["least typical of harmful, answered, by D"]
    assert chosen["wrong"] == ["least typical of harmful, refused, by D", "called wrongly by D"]
    assert "b" not in chosen


def test_a_fifth_is_kept_for_prompts_that_are_called_wrongly():
    chosen = choose_prompts([calls(b=-9.0)], 5)
    assert list(chosen) == ["a", "c", "f", "g", "b"]
    assert chosen["b"][0] == "called wrongly by D"
    assert list(choose_prompts([calls(wrong=0.7)], 5)) == ["a", "c", "f", "g", "wrong"]


def test_targets_take_turns():
    chosen = choose_prompts([calls("D"), calls("R", a=0.1, b=8.0)], 2)
    assert chosen == {
        "a": ["most typical of harmful, refused, by D"],
        "b": ["most typical of harmful, refused, by R"],
    }


def test_a_score_at_the_threshold_calls_the_negative_class():
    both = HeldOutCalls(
        target="D", ids=["a", "b"], margins=np.zeros(2), is_positive=np.array([True, False]), cells=["", ""]
    )
    assert both.is_wrong.tolist() == [True, False]


def test_the_only_prompt_of_a_cell_is_said_to_be_the_only_one():
    one = HeldOutCalls(
        target="D", ids=["a"], margins=np.ones(1), is_positive=np.ones(1, bool), cells=["harmful"]
    )
    assert choose_prompts([one], 9) == {"a": ["the only held-out one of harmful, by D"]}


@pytest.mark.parametrize(
    ("both", "harm", "expected"),
    [
        (["harmful/refusal", ""], ["harmful", "harmless"], ["harmful/refusal", ""]),
        (["", ""], ["harmful", "harmless"], ["harmful", "harmless"]),
        (["", ""], ["", ""], ["true", "false"]),
    ],
)
def test_cells_are_of_what_the_study_knows(both, harm, expected):
    assert cells_of(both, harm, ["true", "false"]) == expected


@given(
    st.integers(0, 12),
    st.lists(st.tuples(st.floats(-9, 9), st.booleans(), st.sampled_from((*FOUR, "", "x"))), max_size=30),
)
def test_never_more_prompts_than_wanted_and_none_twice(n, rows):
    own = HeldOutCalls(
        target="D",
        ids=[str(place) for place in range(len(rows))],
        margins=np.array([row[0] for row in rows]),
        is_positive=np.array([row[1] for row in rows], bool),
        cells=[row[2] for row in rows],
    )
    chosen = choose_prompts([own, own], n)
    assert len(chosen) <= n
    assert set(chosen) <= set(own.ids)
    assert all(len(set(reasons)) == len(reasons) > 0 for reasons in chosen.values())
