"""What people have as labels, groups, categories, text and activations, and what a verdict makes of it."""

import contextlib
import io
import os
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_matrix

from unsinter.features.worlds import make_world
from unsinter.studies.separation import Pair, Rule, judge_arrays
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.pair_inputs import factor_codes

Z = np.array([1, 1, 0, 0] * 10)
W = np.array([1, 0, 1, 0] * 10)
PLAIN = {"name": "p", "z": Z, "w": W, "groups": np.arange(40)}
SHUFFLED = np.random.default_rng(0).permutation(40)


def pair(**changes):
    return Pair(**(PLAIN | changes))


def series(values, **options):
    return pd.Series(values, index=SHUFFLED[: len(values)], **options)


FORMS = {
    "list": lambda v: v.tolist(),
    "tuple": lambda v: tuple(v.tolist()),
    "booleans": lambda v: v == 1,
    "list of booleans": lambda v: (v == 1).tolist(),
    "floats": lambda v: v.astype(float),
    "one and minus one": lambda v: 2 * v - 1,
    "column": lambda v: v[:, None],
    "series": series,
    "boolean series": lambda v: series(v == 1, dtype="boolean"),
    "category": lambda v: series(np.where(v == 1, "yes", "no"), dtype="category"),
    "frame": lambda v: pd.DataFrame({"v": v}, index=SHUFFLED),
    "texts": lambda v: np.where(v == 1, "harmless", "harmful"),
    "list of texts": lambda v: np.where(v == 1, "b", "a").tolist(),
    "tensor": torch.tensor,
    "bfloat16 with gradient": lambda v: torch.tensor(v, dtype=torch.bfloat16, requires_grad=True),
    "masked array": np.ma.array,
    "pyarrow": pa.array,
    "objects": lambda v: v.astype(object),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_factor_is_read_from_whatever_holds_it(form):
    made = pair(z=FORMS[form](Z), w=FORMS[form](W))
    np.testing.assert_array_equal(made.z, Z)
    np.testing.assert_array_equal(made.w, W)
    for codes in (made.z, made.w):
        assert type(codes) is np.ndarray
        assert codes.dtype.kind == "i"


GAPPED = {
    "minus one beside one and zero": lambda v: np.where(np.arange(40) == 5, -1, v),
    "NaN": lambda v: np.where(np.arange(40) == 5, np.nan, v),
    "None": lambda v: [None if i == 5 else x for i, x in enumerate(v.tolist())],
    "None among booleans": lambda v: [None if i == 5 else bool(x) for i, x in enumerate(v)],
    "NaN among texts": lambda v: [np.nan if i == 5 else "ab"[x] for i, x in enumerate(v)],
    "empty among texts": lambda v: ["" if i == 5 else "ab"[x] for i, x in enumerate(v)],
    "NaN beside minus one": lambda v: np.where(np.arange(40) == 5, np.nan, 2 * v - 1),
    "null of pandas": lambda v: series(v, dtype="Int64").mask(np.arange(40) == 5),
    "masked": lambda v: np.ma.array(v, mask=np.arange(40) == 5),
    "masked booleans": lambda v: np.ma.array(v == 1, mask=np.arange(40) == 5),
    "pyarrow": lambda v: pa.array([None if i == 5 else bool(x) for i, x in enumerate(v)]),
}


@pytest.mark.parametrize("form", GAPPED)
def test_a_missing_label_masks_its_row_however_it_is_written(form):
    made = pair(z=GAPPED[form](Z))
    np.testing.assert_array_equal(made.z, np.where(np.arange(40) == 5, -1, Z))
    assert 5 not in made.rows


def test_a_pair_is_taken_again_as_it_is():
    """Codes 1 and -1 without a 0 that come from missing labels must not turn into classes on the way."""
    once = pair(z=[1 if x else None for x in Z.tolist()])
    again = replace(once, text=["a word"] * 40)
    np.testing.assert_array_equal(again.z, np.where(Z == 1, 1, -1))
    np.testing.assert_array_equal(again.z, once.z)


def test_which_of_two_texts_is_coded_one_is_named(caplog):
    codes = factor_codes(["refused", "answered", "refused"], name="w")
    assert codes.tolist() == [1, 0, 1]
    assert "w: 'refused' is read as 1 and 'answered' as 0" in caplog.text


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.where(Z == 1, "a", np.where(W == 1, "b", "c")), r"z must hold two values, got 3: 'a', 'b', 'c'"),
        (Z + 1, "z must hold 1, 0 or -1 .* got 1, 2"),
        (Z / 2, r"got 0\.0, 0\.5"),
        (Z * 1j, "z holds complex"),
        ("z" * 40, "z must be an array or list .* got one text"),
        ([1, "0"] * 20, "z must hold two values of one kind"),
        (np.stack([Z, Z], axis=1), r"z must hold one value per row, got shape \(40, 2\)"),
        (dict(enumerate(Z)), "z must be an array or list .* got dict"),
        (np.where(Z == 1, np.inf, 0), "z must hold .* got 0.0, inf"),
    ],
)
def test_what_is_no_factor_is_refused_by_name_and_value(values, match):
    with pytest.raises((ValueError, TypeError), match=match):
        pair(z=values)


@pytest.mark.parametrize("name", ["w", "groups", "strata", "first_within", "second_within"])
def test_lengths_are_those_of_z(name):
    with pytest.raises(ValueError, match=f"{name} must hold one value for each of 40 rows, got 39"):
        pair(**{name: np.arange(39) % 2})


GROUPS = np.repeat(np.arange(10), 4)


@pytest.mark.parametrize(
    "groups",
    [
        series(GROUPS), series([f"g{g}" for g in GROUPS]), GROUPS.tolist(), torch.tensor(GROUPS),
        GROUPS[:, None], series(GROUPS).astype("category"), pa.array(GROUPS),
        pd.to_datetime(GROUPS).to_series(index=SHUFFLED), np.ma.array(GROUPS),
        series([pd.Period(f"20{g:02}") for g in GROUPS]),
    ],
)  # fmt: skip
def test_groups_are_read_by_place(groups):
    assert pair(groups=groups).groups_per_cell() == pair(groups=GROUPS).groups_per_cell()


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("values", [[f"g{g}" for g in GROUPS], GROUPS.tolist()])
def test_a_row_without_a_group_is_refused(values, gap):
    with pytest.raises(ValueError, match=r"groups is missing .* in 2 of 40 rows, first in row 3"):
        pair(groups=[gap if i in (3, 7) else g for i, g in enumerate(values)])


def test_rows_with_an_empty_group_are_not_one_group():
    with pytest.raises(ValueError, match="groups is empty text in 2 rows, first in row 3"):
        pair(groups=["  "[: i % 2] if i in (3, 8) else f"g{g}" for i, g in enumerate(GROUPS)])


def test_masked_groups_are_refused_and_text_beside_numbers_too():
    with pytest.raises(ValueError, match="groups is missing"):
        pair(groups=np.ma.array(GROUPS, mask=GROUPS == 3))
    with pytest.raises(ValueError, match="groups must hold text or numbers, not both"):
        pair(groups=[str(g) if i % 2 else g for i, g in enumerate(GROUPS.tolist())])


@pytest.mark.parametrize("gap", ["", None, np.nan, pd.NA])
@pytest.mark.parametrize("kind", [str, int])
def test_a_row_without_a_category_is_one_whatever_marks_it(gap, kind):
    values = [gap if i < 4 else kind(g % 3) for i, g in enumerate(GROUPS)]
    if isinstance(gap, str) and kind is int:
        pytest.skip("text beside numbers")
    expected = ["" if i < 4 else str(g % 3) for i, g in enumerate(GROUPS)]
    for strata in (values, series(values, dtype=object)):
        assert pair(strata=strata).strata.tolist() == expected


def test_finer_labels_must_be_there_where_both_factors_are_known():
    finer = [None if i == 6 else "a" for i in range(40)]
    with pytest.raises(ValueError, match=r"first_within is missing .* in 1 rows .* first in row 6"):
        pair(first_within=finer)
    made = pair(first_within=finer, z=[None if i == 6 else z for i, z in enumerate(Z.tolist())])
    assert made.first_within[6] == ""


TEXTS = [f"word{i % 3} and so on" for i in range(40)]


@pytest.mark.parametrize(
    "text",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        series(TEXTS),
        np.array(TEXTS, dtype=object)[:, None],
        pa.array(TEXTS),
    ],
)
def test_texts_become_a_list(text):
    assert pair(text=text).text == TEXTS


FEATURES = np.arange(80).reshape(40, 2) % 5


@pytest.mark.parametrize(
    "text",
    [
        FEATURES, FEATURES.tolist(), pd.DataFrame(FEATURES, index=SHUFFLED),
        torch.tensor(FEATURES).bfloat16(), FEATURES.astype(np.float16), FEATURES.astype(object),
    ],
)  # fmt: skip
def test_features_of_the_text_become_floats(text):
    made = pair(text=text).text
    assert type(made) is np.ndarray
    assert made.dtype.kind == "f"
    np.testing.assert_array_equal(made, FEATURES)


def test_booleans_one_feature_and_sparse_features_are_taken():
    np.testing.assert_array_equal(pair(text=FEATURES > 2).text, FEATURES > 2)
    assert pair(text=FEATURES[:, 0]).text.shape == (40, 1)
    for sparse in (csr_matrix(FEATURES), coo_array(FEATURES)):
        np.testing.assert_array_equal(pair(text=sparse).text.toarray(), FEATURES)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("t" * 40, "text must be an array or list .* got one text"),
        ([None if i == 2 else t for i, t in enumerate(TEXTS)], "text is missing .* first in row 2"),
        ([None] * 40, "text is missing .* in 40 rows"),
        ([""] * 40, "text holds no word in any row"),
        (["?!"] * 40, "text holds no word in any row"),
        (
            [1 if i == 2 else t for i, t in enumerate(TEXTS)],
            "text must hold n texts or numbers .* got 1 among texts",
        ),
        (TEXTS[1:], "text must have one entry per row of z, got 39 for 40"),
        (np.full((40, 2), np.nan), "text holds NaN"),
        (np.ma.masked_greater(FEATURES.astype(float), 3), "text holds NaN"),
        (FEATURES * 1j, "text holds complex"),
        (csr_matrix(FEATURES[1:]), "text must have one entry per row of z"),
        (csr_matrix(FEATURES * np.nan), "text holds NaN or inf"),
        (csr_matrix(FEATURES * 1j), "text must hold real numbers"),
        (np.zeros((40, 2, 2)), r"text features must be \(n, p\)"),
        (np.array([TEXTS, TEXTS]).T, r"texts of shape \(40, 2\)"),
    ],
)
def test_what_is_neither_texts_nor_features_is_refused(text, match):
    with pytest.raises((ValueError, TypeError), match=match):
        pair(text=text)


@pytest.mark.parametrize("sure", [(0.9,), (0.9, 0.4), 0.9, (np.nan, 0.9), ("a", "b"), (0.9, 0.9, 0.9)])
def test_what_is_no_pair_of_probabilities_is_refused(sure):
    with pytest.raises(ValueError, match=r"z_sure must hold two probabilities above \.5"):
        pair(z_sure=sure)
    assert pair(w_sure=np.array([0.9, 1])).w_sure == (0.9, 1.0)


@pytest.fixture(scope="module")
def world():
    return make_world("orthogonal", n=600, phi=0.3, d=12, seed=0, effect=3.3)


def judged(world, X, **changes):
    fields = {"z": world.z, "w": world.w, "groups": world.groups, "strata": world.strata}
    return judge_arrays(X, Pair(name="o", **(fields | changes)))


def test_a_verdict_is_the_same_from_numpy_and_from_a_shuffled_table(world):
    order = np.random.default_rng(1).permutation(600)
    frame = pd.DataFrame({"z": world.z, "w": world.w, "g": world.groups, "s": world.strata}).iloc[order]
    X = world.X[order]
    plain = {
        "z": world.z[order],
        "w": world.w[order],
        "groups": world.groups[order],
        "strata": world.strata[order],
    }
    expected = judged(world, X, **plain)
    assert (
        judged(world, pd.DataFrame(X, index=order), z=frame.z, w=frame.w, groups=frame.g, strata=frame.s)
        == expected
    )
    for form in (X.tolist(), torch.tensor(X, requires_grad=True), np.ma.array(X), csr_matrix(X)):
        a = judged(world, form, **plain).evidence.a
        assert a.value == pytest.approx(expected.evidence.a.value, abs=1e-6)


@pytest.mark.parametrize("change", [lambda X: X * 1e32, lambda X: X * 1e-32, lambda X: X.astype(float) + 1e9])
def test_a_verdict_does_not_depend_on_the_unit_or_origin_of_activations_and_features(world, change):
    expected = judged(world, world.X, text=world.text)
    result = judged(world, change(world.X), text=change(world.text))
    assert result.verdict == expected.verdict
    np.testing.assert_allclose(result.evidence.o_first, expected.evidence.o_first, atol=2e-3)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda X: X * 1j, "X holds complex"),
        (lambda X: np.ma.masked_greater(X, 2), "X, which must be a matrix of finite numbers .* NaN"),
        (lambda X: X.astype(str), "X must hold numbers"),
        (lambda X: X[:, 0], "X must be a matrix .* give X.reshape"),
        (lambda X: X[1:], "with 600 rows, one for each entry of z, got shape"),
        (lambda X: X[None], "got shape"),
        (lambda X: "X", "got one text"),
        (lambda X: None, "got None"),
    ],
)
def test_activations_that_are_no_matrix_of_numbers_are_refused_by_name(world, make, match):
    with pytest.raises((ValueError, TypeError), match=match):
        judged(world, make(world.X))


def test_sparse_features_of_the_text_give_what_dense_ones_give(world):
    text = np.where(np.random.default_rng(0).random((600, 30)) < 0.2, 1.0, 0.0)
    assert judged(world, world.X, text=csr_matrix(text)) == judged(world, world.X, text=text)


def test_texts_without_a_word_where_both_factors_are_known_are_named(world):
    z = np.where(np.arange(600) < 20, -1, world.z)
    text = ["a word" if i < 20 else "" for i in range(600)]
    with pytest.raises(ValueError, match="text holds no word in the rows that train a fold"):
        judged(world, world.X, z=z, text=text)


def test_one_column_is_judged():
    rng = np.random.default_rng(0)
    z, w = rng.integers(0, 2, 800), rng.integers(0, 2, 800)
    judgement = judge_arrays(
        rng.normal(size=(800, 1)) + 3 * z[:, None], Pair(name="p", z=z, w=w, groups=np.arange(800))
    )
    assert judgement.verdict == "first-only"


@given(st.integers(0, 2**32 - 1), st.integers(-60, 60), st.booleans())
@settings(max_examples=40, deadline=None)
def test_columns_come_into_the_range_of_float32_with_their_order_and_shape(seed, power, wide):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 3)) * 2.0**power
    X = X if wide else X.astype(np.float32)
    result = in_float32_range(X)
    assert result.dtype == np.float32
    assert np.isfinite(np.square(result)).all()
    for before, after in zip(X.T, result.T, strict=True):
        assert np.corrcoef(before / np.abs(before).max(), after)[0, 1] == pytest.approx(1, abs=1e-5)
    if abs(power) < 30 and not wide:
        np.testing.assert_array_equal(result, X)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("effect_floor", -0.1), ("effect_floor", 0.5), ("margin", -1), ("margin", 0), ("margin", 0.5),
        ("least_bits", -0.1), ("least_bits", np.inf), ("min_groups", 0), ("min_groups", 2.5), ("level", 2),
        ("level", 1.0), ("level", 0.5), ("level", "0.95"), ("n_folds", 1), ("n_folds", True), ("n_draws", 0),
        ("seed", -1), ("seed", None), ("near_copies", 1.1), ("near_copies", np.nan),
    ],
)  # fmt: skip
def test_a_rule_out_of_range_is_refused_by_field_and_value(field, bad):
    with pytest.raises(ValueError, match=f"{field} must be .*, got"):
        Rule(**{field: bad})
    assert Rule(level=np.float64(0.9), n_folds=np.int64(4)).n_folds == 4


def test_the_case_of_a_shuffled_table_reads_groups_by_place(repository):
    case = (
        Path(os.environ.get("UNSINTER_SHARED", repository.parent / "shared"))
        / "cases"
        / "11_pandas_series_as_groups"
    )
    if not case.is_dir():
        pytest.skip(f"no case at {case}; set UNSINTER_SHARED to the folder that holds cases/")
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        runpy.run_path(str(case / "repro.py"))
    numpy, table, *verdicts = stream.getvalue().splitlines()
    assert table.removeprefix("Series ").startswith(numpy.removeprefix("numpy  "))
    assert verdicts[0].removeprefix("numpy ") == verdicts[1].removeprefix("groups Series ")


@pytest.mark.parametrize("word", ["nan", "None", "<NA>"])
def test_a_column_that_was_cast_to_text_keeps_no_missing_value_as_a_class_or_group(word):
    for name in ("z", "groups"):
        with pytest.raises(ValueError, match=f"^{name} holds '{word}' in 20 rows, first in row 1"):
            pair(**{name: ["a", word] * 20})


def test_groups_that_differ_by_blanks_or_composition_alone_are_one():
    names = ["caf\u00e9", "cafe\u0301 "] * 20
    assert len(set(pair(groups=names).groups)) == 1


def test_large_whole_numbers_beside_a_gap_stay_apart():
    large = [2**60 + i for i in range(39)] + [None]
    for strata in (large, pd.Series(large, dtype="Int64")):
        assert len(set(pair(strata=strata).strata)) == 40


@pytest.mark.parametrize("covariates", [[1, 2], "source", {1: list(range(40))}])
def test_covariates_that_are_no_names_of_columns_are_refused_in_words(covariates):
    with pytest.raises(TypeError, match="covariates must be a mapping of names to columns"):
        pair(covariates=covariates)


def test_a_tensor_without_values_is_refused_by_name():
    with pytest.raises(TypeError, match="z is a tensor on the device 'meta'"):
        pair(z=torch.empty(40, device="meta"))


@pytest.mark.parametrize(
    "hold",
    [
        lambda codes: pd.Series(codes, dtype="int8").to_numpy(),
        lambda codes: np.frombuffer(codes.astype(np.int8).tobytes(), dtype=np.int8),
    ],
    ids=["a column of pandas", "bytes"],
)
def test_codes_in_an_array_that_cannot_be_written_to_are_read_as_in_any_other(hold):
    fixed = hold(np.where(Z == 1, 1, -1))
    assert not fixed.flags.writeable
    np.testing.assert_array_equal(pair(z=fixed).z, Z)
    with pytest.raises(ValueError, match="got 5, 6"):
        pair(z=hold(Z + 5))


def test_a_subset_of_a_pairs_codes_keeps_its_missing_ones():
    once = pair(z=[1 if x else None for x in Z.tolist()])
    np.testing.assert_array_equal(pair(z=once.z[::-1]).z, once.z[::-1])


def test_categories_that_differ_by_blanks_or_composition_alone_are_one():
    names = np.where(Z == 1, "caf\u00e9  fraud", "cafe\u0301 fraud ")
    assert set(pair(strata=names).strata.tolist()) == {"caf\u00e9 fraud"}


def test_a_group_that_is_no_finite_number_is_refused_by_row():
    with pytest.raises(ValueError, match=r"groups holds inf .* first in row 3"):
        pair(groups=[0.0, 1.0, 2.0, np.inf, *range(4, 40)])
