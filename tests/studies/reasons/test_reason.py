"""Reasons: every code has words, words are whole sentences, and what is data stays data."""

import ast
import copy
import json
import math
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed

from unsinter.studies.reasons.columns import REASON_COLUMNS, reason_columns, row_reason, summary_reason
from unsinter.studies.reasons.fields import KINDS, fields_of
from unsinter.studies.reasons.reason import (
    FORMS,
    Reason,
    as_written,
    commonest,
    shared_words,
    together,
)
from unsinter.studies.reasons.words import WORDS

NUMBERED = frozenset("bck")
"""Kinds of fields that write numbers."""


def has_number(field):
    return field.kind in NUMBERED or (not field.kind and bool(field.spec))


FOLDERS = ("cache", "probes", "features", "studies", "benchmarks")

NAMES = st.sampled_from(
    ["detection", "the wording 'curt'", "fraud", "harmless and refused", "R", "a {brace}"]
)
NUMBERS = st.floats(-10, 10)
COUNTS = st.integers(0, 10**6)
PLAIN = st.builds(lambda n: Reason("too-few-groups", n=n, cell="harmful", needed=10), COUNTS)

DRAWN = {
    "a": st.lists(NAMES, min_size=1, max_size=4),
    "b": st.tuples(NUMBERS, NUMBERS, NUMBERS),
    "c": st.dictionaries(NAMES, COUNTS, max_size=4),
    "k": COUNTS,
    "l": st.lists(NAMES, max_size=6),
    "v": st.dictionaries(st.sampled_from(["separable", "shared"]), st.lists(NAMES, min_size=1), min_size=1),
    "w": st.lists(PLAIN, min_size=1, max_size=3),
}
"""Kind of a field -> its values."""


def fields(code):
    return {field.name: field for field in fields_of(WORDS[code].full)}


def value_of(field):
    if field.kind:
        return DRAWN[field.kind]
    if not field.spec:
        return NAMES
    return COUNTS if field.spec == "d" else NUMBERS


def reasons_of_code(code):
    return st.fixed_dictionaries({name: value_of(field) for name, field in fields(code).items()}).map(
        lambda values: Reason(code, **values)
    )


ANY = st.sampled_from(sorted(WORDS)).flatmap(reasons_of_code)


def test_every_kind_of_field_is_drawn_here():
    assert set(DRAWN) == {*KINDS, "w"}
    used = {field.kind for code in WORDS for field in fields(code).values()}
    assert used - {""} <= set(DRAWN)


@pytest.mark.parametrize("code", sorted(WORDS))
def test_every_code_has_words_whose_forms_use_no_other_field(code):
    words = WORDS[code]
    assert words.full.strip()
    assert words.plain.strip()
    assert words.short.strip()
    assert {f.name for f in fields_of(words.plain + words.short)} <= set(fields(code))
    assert not [field for field in fields_of(words.short) if has_number(field) and field.kind != "w"]
    assert all(part.strip() or place == 0 for place, part in enumerate(words.parts))
    for text in (words.full, words.plain, words.short):
        assert not text.endswith((".", " ", ";", ","))
        assert "  " not in text


@pytest.mark.parametrize("code", sorted(WORDS))
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_the_words_are_whole_for_whatever_numbers(code, data):
    reason = data.draw(reasons_of_code(code))
    for form in FORMS:
        text = reason.in_form(form).replace("a {brace}", "a brace")
        assert text.strip()
        assert not {"{", "}", "!"} & set(text)
        assert "None" not in text
    assert reason == reason.in_form("full") == f"{reason}"
    assert isinstance(reason, str)


@pytest.mark.parametrize("code", sorted(WORDS))
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_other_numbers_leave_the_short_words_alone(code, data):
    reason = data.draw(reasons_of_code(code))
    others = {
        name: data.draw(value_of(field)) if has_number(field) else reason.values[name]
        for name, field in fields(code).items()
    }
    assert Reason(code, **others).short == reason.short


@given(ANY)
@settings(max_examples=100, deadline=None)
def test_a_reason_goes_through_rows_json_and_pickle_and_stays_what_it_is(reason):
    row = reason_columns(reason)
    assert tuple(row) == REASON_COLUMNS
    assert all(type(text) is str for text in row.values())
    copies = [
        row_reason(row),
        Reason.from_json(json.loads(json.dumps(reason.as_json(), allow_nan=False))),
        summary_reason(str(reason), reason.as_json()),
        pickle.loads(pickle.dumps(reason)),
        copy.deepcopy(reason),
    ]
    for other in copies:
        assert (other, other.code, other.values) == (reason, reason.code, reason.values)
        assert [other.in_form(form) for form in FORMS] == [reason.in_form(form) for form in FORMS]


def test_a_reason_comes_back_from_another_process():
    reason = together([Reason("one-axis"), Reason("axes-unsure", angle=(0.1, 0.0, 0.3))])
    (back,) = Parallel(n_jobs=2)([delayed(copy.copy)(reason)])
    assert (back.code, back.values, back.short) == (reason.code, reason.values, reason.short)


def test_numbers_that_are_not_finite_stay_what_they_are_in_strict_json():
    reason = Reason("axes-unsure", angle=(math.nan, -math.inf, math.inf))
    again = row_reason(reason_columns(reason))
    assert again == reason == "both are read, along one axis or two (squared sine nan [-inf, inf])"
    assert again.code == "axes-unsure"


def test_the_forms_leave_out_bands_then_counts():
    reason = Reason("factor-unsure", factor="R", other="D", auroc=(0.61, 0.5, 0.7))
    assert reason == "R may or may not be there with D held fixed (AUROC 0.61 [0.50, 0.70])"
    assert reason.plain == reason.short == "R may or may not be there with D held fixed"
    few = Reason("too-few-groups", n=4, cell="harmless and refused", needed=10)
    open_ones = Reason("some-contrasts-open", n=2, total=3, why=few, decided={"shared": ["curt", "warm"]})
    assert open_ones == (
        "2 of 3 contrasts: 4 independent groups that are harmless and refused; 10 are needed; "
        "decided: shared for curt, warm"
    )
    assert open_ones.plain == few.plain == "4 independent groups that are harmless and refused; 10 are needed"
    assert open_ones.short == few.short == "too few independent groups that are harmless and refused"


def test_more_names_than_are_read_at_a_glance_are_counted():
    agree = Reason("contrasts-agree", n=6, total=6, names=list("abcdef"))
    assert agree == "6 of 6 contrasts (a, b, c, d and 2 more)"


def test_names_are_filled_in_everywhere_at_once_and_never_twice():
    inner = Reason("one-factor", factor="{first}", other="{second}")
    named = Reason("copies-put-together", why=inner, share=0.25).named(
        {"{first}": "{second}", "{second}": "R"}
    )
    assert named == (
        "{second} is read, R is not read linearly once {second} is held fixed; "
        "near copies in other groups were put together (25% of rows)"
    )


def test_reasons_that_differ_by_numbers_are_one_and_told_as_far_as_they_agree():
    twelve, seven = (Reason("too-few-groups", n=n, cell="refused", needed=30) for n in (12, 7))
    bands = [Reason("pooled-unsure", pooled=(value, value - 0.1, value + 0.1)) for value in (0.5, 0.6, 0.7)]
    groups = commonest([twelve, *bands, seven])
    assert [len(group) for group in groups] == [3, 2]
    assert [shared_words(group) for group in groups] == [
        "wording is not surely readable even on pooled rows",
        "too few independent groups that are refused",
    ]
    assert shared_words([twelve, twelve]) == twelve


@pytest.mark.parametrize(
    ("code", "values", "pattern"),
    [
        ("no-such-code", {}, "no reason has the code 'no-such-code'"),
        ("one-axis", {"factor": "R"}, r"is made of \[\], got \['factor'\]"),
        ("too-few-groups", {"n": 4}, r"is made of \['cell', 'n', 'needed'\], got \['n'\]"),
        ("axes-unsure", {"angle": (0.1, 0.2)}, "a band is a value and its two limits, got 2"),
        ("axes-unsure", {"angle": 0.1}, "a value of another kind"),
        ("tied-categories", {"names": "fraud"}, "names are a list"),
        ("together", {"why": ["few rows"]}, "a reason stands here, got 'few rows'"),
    ],
)
def test_a_reason_of_other_codes_or_values_is_refused(code, values, pattern):
    with pytest.raises(ValueError, match=pattern):
        Reason(code, **values)


GOOD = Reason("too-few-groups", n=4, cell="harmless and refused", needed=10)


@pytest.mark.parametrize(
    "row",
    [
        {"reason": "4 groups (0.3)."},
        reason_columns(GOOD) | {"reason": "edited by hand (0.3)"},
        reason_columns(GOOD) | {"reason_code": "of a later version"},
        reason_columns(GOOD) | {"reason_code": None},
        reason_columns(GOOD) | {"reason_numbers": "{"},
        reason_columns(GOOD) | {"reason_numbers": "[]"},
        reason_columns(GOOD) | {"reason_numbers": math.nan},
        reason_columns(GOOD) | {"reason_numbers": '{"n": null, "cell": "a", "needed": 1}'},
        reason_columns(GOOD) | {"reason_numbers": '{"n": 1e999, "cell": "a", "needed": 1}'},
    ],
)
def test_where_the_columns_beside_the_words_do_not_make_them_the_words_stand_as_they_are(row):
    reason = row_reason(row)
    assert reason.code == "as-written"
    assert reason == reason.plain == reason.short == row["reason"].rstrip(".")
    assert summary_reason("W is rare.", {"code": "one-axis"}) == "W is rare"
    assert as_written(" few rows. ") == "few rows"


def parsed(repository):
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


SPLITTERS = {"split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix", "replace"}
SEARCHERS = {"sub", "subn", "match", "fullmatch", "search", "findall", "finditer", *SPLITTERS}


def tells_a_reason(node):
    """Whether a part of the code is the reason of something, by its name."""
    return any(
        (isinstance(part, ast.Attribute) and part.attr in ("reason", "reasons", "settles"))
        or (isinstance(part, ast.Name) and part.id in ("reason", "reasons", "settles"))
        or (isinstance(part, ast.Constant) and part.value in ("reason", "settles", "not_studied"))
        for part in ast.walk(node)
    )


def takes_apart(call):
    """Whether a call takes the words of a reason apart."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in SEARCHERS:
        return False
    owner = call.func.value
    is_regex = isinstance(owner, ast.Name) and owner.id == "re"
    return any(map(tells_a_reason, call.args if is_regex else [owner]))


def test_no_module_takes_the_words_of_a_reason_apart(repository):
    calls = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for path, tree in parsed(repository)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and takes_apart(node)
    ]
    assert not calls


@pytest.mark.parametrize(
    "source",
    [
        're.sub("x", "", reason)',
        're.sub("x", "", str(found.reason))',
        're.match("x", row["reason"])',
        'found.reason.split("(")',
        'row["settles"].removesuffix("x")',
    ],
)
def test_the_check_for_this_sees_each_way_of_taking_words_apart(source):
    assert takes_apart(ast.parse(source, mode="eval").body)
    assert not takes_apart(ast.parse('" ".join(str(error).split())', mode="eval").body)


def test_where_reasons_are_grouped_or_shown_nothing_is_searched_by_pattern(repository):
    modules = (
        "studies/figures/verdict_text", "studies/report/answers/answer_words",
        "studies/report/answers/answer_lines", "studies/report/answers/findings", "studies/separation/power",
        "studies/separation/verdict_rows", "benchmarks/verdict",
    )  # fmt: skip
    for name in modules:
        tree = ast.parse((repository / f"{name}.py").read_text(encoding="utf-8"))
        imported = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        assert "re" not in imported, name


def test_every_code_is_given_somewhere_and_every_code_that_is_given_has_words(repository):
    codes = set()
    for path, tree in parsed(repository):
        if "reasons" in path.parts and path.name.endswith("words.py"):
            continue
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "Reason" and call.args:
                codes |= {n.value for n in ast.walk(call.args[0]) if isinstance(n, ast.Constant)}
    assert codes == set(WORDS)


def test_reasons_need_nothing_but_the_standard_library():
    code = (
        "import sys, unsinter.studies.reasons.columns; "
        "print([n for n in ('numpy', 'pandas', 'torch', 'sklearn') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
