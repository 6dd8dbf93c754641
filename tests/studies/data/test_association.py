"""Association: SciPy's figures where there is no correction, zero where labels are independent."""

import numpy as np
import pytest
from scipy.stats.contingency import association

from unsinter.features.records.readers import read_prompts, read_responses
from unsinter.studies.data.association import cramers_v, label_associations, phi
from unsinter.studies.data.group_counts import LabelledRow


def rows_of(table):
    pairs = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [i for i, _ in pairs], [j for _, j in pairs]


def test_the_bias_correction_vanishes_as_rows_grow():
    table = np.array([[40, 10, 3], [5, 30, 9]])
    one, other = rows_of(table * 200)
    assert cramers_v(one, other) == pytest.approx(association(table, method="cramer"), abs=1e-3)


def test_the_corrected_value_is_bergsmas_formula_by_hand():
    # chi-squared 20 on n = 20, so phi^2 = 1 - 1/19 and each side is 2 - 1/19.
    one, other = rows_of([[10, 0], [0, 10]])
    assert cramers_v(one, other) == pytest.approx(np.sqrt((1 - 1 / 19) / (1 - 1 / 19)))
    one, other = rows_of([[8, 2], [2, 8]])
    assert cramers_v(one, other) == pytest.approx(np.sqrt((0.36 - 1 / 19) / (1 - 1 / 19)))


def test_independent_labels_of_many_values_score_near_zero_where_the_plain_measure_does_not():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 12, 300).tolist(), rng.integers(0, 10, 300).tolist()
    table = np.zeros((12, 10), dtype=int)
    np.add.at(table, (one, other), 1)
    assert association(table, method="cramer") > 0.15
    assert cramers_v(one, other) < 0.08


def test_missing_labels_are_left_out_and_a_constant_label_has_no_value():
    one, other = rows_of([[8, 2], [2, 8]])
    assert cramers_v([*one, None, 1], [*other, 0, None]) == cramers_v(one, other)
    assert cramers_v(["a", "a"], ["x", "y"]) is None
    assert cramers_v([], []) is None
    assert cramers_v(["a", "b"], ["x", "y"]) is None


def test_phi_is_the_correlation_and_none_where_a_label_never_varies():
    one, other = rows_of([[8, 2], [2, 8]])
    assert phi([*map(bool, one), None], [*map(bool, other), True]) == pytest.approx(0.6)
    assert phi(list(map(bool, one)), [not value for value in other]) == pytest.approx(-0.6)
    assert phi([True, True], [True, False]) is None
    assert phi([], []) is None


@pytest.mark.parametrize("name", ["harmful", "category", "source", "wording", "tone"])
def test_a_target_that_is_called_as_another_label_is_compared_by_its_own_classes(name):
    labels = [("harmful", "x"), ("harmless", "x"), ("harmful", "y"), ("harmless", "y")] * 5
    rows = [
        LabelledRow(group=str(i), source=own, labels={"D": harm, "C": "fraud", name: own})
        for i, (harm, own) in enumerate(labels)
    ]
    called = name if name in ("wording", "tone") else f"target {name}"
    values = {a.pair: a.value for a in label_associations(rows, (), own=[name])}
    assert values == {
        "category, source": None,
        "harmful, source": 0,
        f"{called}, harmful": 0,
        f"{called}, category": None,
        f"{called}, source": 1,
    }


def test_harm_type_and_action_of_do_not_answer_are_tied_as_published(shared_data):
    prompts = {record.id: record for record in read_prompts(shared_data / "prompts_noncommercial.jsonl")}
    responses = read_responses(shared_data / "responses_noncommercial.jsonl")
    for model in {record.model for record in responses}:
        result = [r for r in responses if r.model == model and r.prompt_id in prompts]
        value = cramers_v([prompts[r.prompt_id].category for r in result], [r.label for r in result])
        assert 0.50 <= value <= 0.61, model
