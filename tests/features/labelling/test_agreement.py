"""Agreement figures against numbers worked out by hand."""

import pytest

from unsinter.features.labelling.agreement import agree, agree_by_model, wilson_interval
from unsinter.features.labelling.spellings import read_refusal


def test_wilson_interval_equals_published_values():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263 and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_accuracy_and_kappa_of_a_table_worked_by_hand():
    gold = ["refusal"] * 25 + ["compliance"] * 25
    predicted = ["refusal"] * 20 + ["compliance"] * 5 + ["refusal"] * 10 + ["compliance"] * 15
    result = agree(gold, predicted)
    assert result.accuracy == pytest.approx(0.7)
    assert result.kappa == pytest.approx(0.4)  # observed .7, expected .5
    assert result.confusion["refusal"] == {"refusal": 20, "compliance": 5}
    assert result.macro_f1 == pytest.approx((40 / 55 + 30 / 45) / 2)


def test_kappa_is_absent_where_both_sides_hold_one_class():
    assert agree(["refusal"] * 3, ["refusal"] * 3).kappa is None


def test_agreement_is_split_by_model():
    result = agree_by_model(
        ["refusal", "refusal", "compliance"], ["refusal", "compliance", "compliance"], ["a", "a", "b"]
    )
    assert {model: part.accuracy for model, part in result.items()} == {"a": 0.5, "b": 1.0}


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="equally many"):
        agree(["refusal"], [])
    with pytest.raises(ValueError, match="needs a model"):
        agree_by_model(["refusal"], ["refusal"], [])
    with pytest.raises(ValueError, match="hits"):
        wilson_interval(3, 2)


def test_codes_that_do_not_say_whether_it_refused_map_to_nothing():
    codes = ("refutation", "dual_perspective", "disclaimer_help", "inability_or_uncertainty")
    assert [read_refusal(code) for code in codes] == [None] * 4
