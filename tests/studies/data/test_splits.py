"""Splits: no group ever straddles, strata are spread, and a planted leak is caught by name."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.features.records.duplicates import group_prompts
from unsinter.features.records.readers import read_prompts
from unsinter.studies.data.splits import LeakageError, Split, hold_out_each, outer_split, straddling


@st.composite
def grouped_rows(draw):
    n = draw(st.integers(8, 60))
    groups = draw(st.lists(st.integers(0, n // 2).map("g{}".format), min_size=n, max_size=n))
    strata = draw(st.lists(st.sampled_from([None, "a", "b", ("c", 1)]), min_size=n, max_size=n))
    return [f"r{i}" for i in range(n)], groups, strata


@settings(max_examples=80, deadline=None)
@given(rows=grouped_rows(), n_folds=st.integers(2, 5), seed=st.integers(0, 3))
def test_no_group_straddles_and_every_row_is_tested_once(rows, n_folds, seed):
    ids, groups, strata = rows
    if len(set(groups)) < n_folds:
        with pytest.raises(ValueError, match=f"{n_folds} folds need at least {n_folds} groups"):
            outer_split(ids, groups, strata=strata, n_folds=n_folds, seed=seed)
        return
    split = outer_split(ids, groups, strata=strata, n_folds=n_folds, seed=seed)
    tested = np.concatenate([split.test(fold) for fold in range(n_folds)])
    assert sorted(tested) == list(range(len(ids)))
    for fold in range(n_folds):
        train, test = split.train(fold), split.test(fold)
        assert sorted([*train, *test]) == list(range(len(ids)))
        assert {groups[i] for i in train}.isdisjoint(groups[i] for i in test)


@settings(max_examples=40, deadline=None)
@given(rows=grouped_rows(), data=st.data())
def test_the_order_of_rows_changes_neither_folds_nor_digest(rows, data):
    ids, groups, strata = rows
    if len(set(groups)) < 3:
        return
    order = data.draw(st.permutations(range(len(ids))))
    split = outer_split(ids, groups, strata=strata, n_folds=3)
    shuffled = outer_split(
        [ids[i] for i in order], [groups[i] for i in order], strata=[strata[i] for i in order], n_folds=3
    )
    assert shuffled.folds == tuple(split.folds[i] for i in order)
    assert shuffled.digest == split.digest


@settings(max_examples=40, deadline=None)
@given(rows=grouped_rows())
def test_inner_folds_lie_inside_the_training_rows_and_keep_groups_whole(rows):
    ids, groups, strata = rows
    if len(set(groups)) < 8:
        return
    split = outer_split(ids, groups, strata=strata, n_folds=3)
    try:
        inner = list(split.inner(0, strata=strata, n_folds=2))
    except ValueError as error:
        assert "groups" in str(error)  # noqa: PT017 (fewer groups than inner folds is a lawful refusal)
        return
    outer_test = set(split.test(0))
    for train, test in inner:
        assert sorted([*train, *test]) == sorted(split.train(0))
        assert outer_test.isdisjoint(train)
        assert outer_test.isdisjoint(test)
        assert {groups[i] for i in train}.isdisjoint(groups[i] for i in test)


def test_strata_are_spread_evenly_over_the_folds():
    n = 600
    groups = [f"g{i // 2}" for i in range(n)]
    strata = [("refused" if i // 2 % 10 == 0 else "answered") for i in range(n)]
    split = outer_split([f"r{i}" for i in range(n)], groups, strata=strata)
    shares = [np.mean([strata[i] == "refused" for i in split.test(fold)]) for fold in range(5)]
    assert shares == pytest.approx([0.1] * 5, abs=0.001)


def test_the_seed_alone_decides_and_another_seed_gives_another_digest():
    ids = [f"r{i}" for i in range(40)]
    first, again, other = (outer_split(ids, ids, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.digest == again.digest != other.digest


def test_a_stratum_rarer_than_the_folds_is_spread_without_a_warning():
    ids = [f"r{i}" for i in range(30)]
    split = outer_split(ids, ids, strata=["rare", "rarer"] + ["usual"] * 28)
    assert Counter(Counter(split.folds).values()) == {6: 5}
    everything_rare = outer_split(ids[:6], ids[:6], strata=ids[:6])
    assert everything_rare.n_folds == 5


def test_a_planted_leak_is_refused_and_its_groups_are_listed():
    with pytest.raises(LeakageError, match=r"2 groups stand in more than one fold \('a', 'c'\)") as caught:
        Split(ids=tuple("12345"), groups=("a", "a", "b", "c", "c"), folds=(0, 1, 1, 0, 1))
    assert caught.value.groups == ("a", "c")
    groups = [f"g{i:02}" for i in range(8)] * 2
    with pytest.raises(LeakageError, match=r"8 groups .*'g04' and 3 more\)"):
        Split(ids=tuple(map(str, range(16))), groups=tuple(groups), folds=(0,) * 8 + (1,) * 8)
    assert straddling(["a", "a"], [0, 0]) == []


def test_impossible_splits_are_refused_in_words():
    with pytest.raises(ValueError, match="5 folds need at least 5 groups, got 2; ask for fewer folds"):
        outer_split(list("abc"), ["x", "x", "y"])
    with pytest.raises(ValueError, match="n_folds must be at least 2, got 1"):
        outer_split(list("abc"), list("abc"), n_folds=1)
    with pytest.raises(ValueError, match="got 3 ids, 2 groups and 3 strata"):
        outer_split(list("abc"), list("ab"), n_folds=2)
    with pytest.raises(ValueError, match="1 repeat, such as"):
        Split(ids=("a", "a"), groups=("g", "g"), folds=(0, 0))
    with pytest.raises(ValueError, match="Fold 0 of 2 holds no row"):
        Split(ids=("a", "b"), groups=("g", "h"), folds=(1, 1))
    with pytest.raises(ValueError, match="fold must be from 0 to 1, got 2"):
        outer_split(list("abcd"), list("abcd"), n_folds=2).test(2)


def test_a_held_out_source_takes_its_groups_out_of_training():
    values = ["s", "s", "t", "t", None]
    groups = ["a", "b", "b", "c", "d"]
    result = {value: (train.tolist(), test.tolist()) for value, train, test in hold_out_each(values, groups)}
    assert result == {"s": ([3, 4], [0, 1]), "t": ([0, 4], [2, 3])}


def test_real_prompts_split_with_even_harm_and_no_straddling_makers_group(shared_data):
    records = read_prompts(sorted(shared_data.glob("prompts*.jsonl")), columns={"group": "split_group"})
    labels = group_prompts(records).labels
    split = outer_split([r.id for r in records], labels, strata=[(r.harmful, r.source) for r in records])
    assert straddling([r.group for r in records], split.folds) == []
    shares = [np.mean([records[i].harmful for i in split.test(fold)]) for fold in range(5)]
    assert shares == pytest.approx([2598 / 5866] * 5, abs=0.02)
    sizes = [split.test(fold).size for fold in range(5)]
    assert max(sizes) - min(sizes) < 120


def test_columns_of_a_shuffled_table_are_read_by_place_and_not_by_index():
    rng = np.random.default_rng(0)
    order = rng.permutation(60)
    table = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(60)],
            "g": [f"g{i // 3}" for i in range(60)],
            "s": rng.integers(0, 2, 60),
        }
    ).iloc[order]
    lists = {name: column.tolist() for name, column in table.items()}
    by_list = outer_split(lists["id"], lists["g"], strata=lists["s"])
    by_table = outer_split(table.id, table.g, strata=table.s)
    assert by_table == by_list
    inner = [
        [rows.tolist() for pair in split.inner(0, strata=strata, n_folds=3) for rows in pair]
        for split, strata in ((by_list, lists["s"]), (by_table, table.s))
    ]
    assert inner[0] == inner[1]
    sides = [
        [(value, train.tolist(), test.tolist()) for value, train, test in hold_out_each(values, groups)]
        for values, groups in ((lists["g"], lists["id"]), (table.g, table.id))
    ]
    assert sides[0] == sides[1]
    assert Split(ids=table.id, groups=table.g, folds=np.array(by_list.folds)) == by_list


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_row_without_an_id_or_a_group_is_refused_and_one_without_a_stratum_is_not(gap):
    names = [f"r{i}" for i in range(12)]
    with pytest.raises(ValueError, match="groups is missing"):
        outer_split(names, [gap, *names[1:]])
    with pytest.raises(ValueError, match="ids is missing"):
        outer_split([gap, *names[1:]], names)
    strata = [gap] * 6 + ["a"] * 6
    expected = outer_split(names, names, strata=[None] * 6 + ["a"] * 6)
    assert outer_split(names, names, strata=strata) == expected
    assert outer_split(names, names, strata=pd.Series(strata, index=range(12, 0, -1))) == expected
    assert [value for value, _, _ in hold_out_each(strata, names)] == ["a"]
    with pytest.raises(ValueError, match="strata must hold one value for each of 12 rows, got 2"):
        next(expected.inner(0, strata=["a", "b"]))
