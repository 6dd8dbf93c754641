import numpy as np

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.targets import Response, make_target

PROMPTS = [
    PromptRecord(id=f"p{i}", prompt=f"text {i}", harmful=harmful, category=category)
    for i, (harmful, category) in enumerate(
        [(True, "fraud")] * 4 + [(True, "privacy")] * 3 + [(False, "fraud")] * 3 + [(None, None)]
    )
]
GROUPS = np.array([f"g{i}" for i in range(len(PROMPTS))])


def respond(*kinds):
    wordings = {"refusal": "apology", "partial_refusal": None, "compliance": None}
    return [k and Response(refusal=k, wording=wordings[k], label_source="test") for k in kinds]


def target(name, responses=None, min_groups=2, groups=GROUPS):
    return make_target(
        name, PROMPTS, responses or [None] * len(PROMPTS), groups=groups, min_groups=min_groups
    )


def test_an_unlabelled_prompt_is_masked_and_not_harmless():
    made = target("D")
    assert made.classes == ("harmless", "harmful")
    assert made.labels[-1] == ""
    assert (made.labels == "harmless").sum() == 3


def test_category_is_defined_on_harmful_prompts_only():
    made = target("C")
    assert made.classes == ("fraud", "privacy")
    assert made.defined.sum() == 7


def test_partial_refusals_are_masked_in_r():
    made = target("R", respond(*["refusal"] * 4, *["partial_refusal"] * 3, *["compliance"] * 3, None))
    assert made.classes == ("compliance", "refusal")
    assert made.defined.sum() == 7


def test_wording_is_never_defined_where_the_model_did_not_refuse():
    answers = respond(*["refusal"] * 4, *["compliance"] * 6, None)
    # A careless labeller gave a wording to an answer that complied.
    answers[5] = Response(refusal="compliance", wording="apology", label_source="test")
    made = target("W", answers)
    assert (made.labels != "").sum() == 4


def test_a_class_counts_groups_and_not_rows():
    one_group = np.where(np.arange(len(PROMPTS)) < 4, "same", GROUPS)
    made = target("C", groups=one_group)
    assert made.classes == ("privacy",)
    assert made.left_out == {"fraud": 1}
    assert "privacy has; too few: fraud 1" in made.refusal_to_fit


def test_where_every_row_is_of_one_class_the_reason_says_so_and_counts_nothing():
    prompts = [PromptRecord(id=str(n), prompt=f"text {n}", harmful=True) for n in range(40)]
    groups = np.arange(40).astype(str)
    made = make_target("D", prompts, [None] * 40, groups=groups, min_groups=10)
    assert "D needs two classes; every labelled row is harmful" in made.refusal_to_fit


def test_rows_that_are_not_present_are_masked():
    present = np.ones(len(PROMPTS), dtype=bool)
    present[0] = False
    made = make_target("D", PROMPTS, [None] * len(PROMPTS), groups=GROUPS, min_groups=2, is_present=present)
    assert made.labels[0] == ""
    assert made.defined.sum() == 9
