"""Shares of one request: filled in any order, by any process, twice or in part, they are the whole of it."""

import random

import pytest
from cache_source import (
    IDENTITY,
    LAYERS,
    POSITIONS,
    Producer,
    assert_holds,
    every_file,
    fill,
    row_keys,
    shard_files,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.cache import ActivationStore, CacheError, Share, verify

ROWS = row_keys(60)


def filled(root, rows=ROWS, *, share=None, **options):
    """Fill one share, as a process of its own would; the report."""
    return fill(ActivationStore.open(root, IDENTITY, share=share), rows, **options)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n_shares=st.integers(1, 9), n_rows=st.integers(1, 60), seed=st.integers(0, 99))
def test_all_shares_in_any_order_and_some_twice_make_the_files_of_one_fill(
    tmp_path_factory, n_shares, n_rows, seed
):
    rows, whole, parts = ROWS[:n_rows], tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    fill(ActivationStore.open(whole, IDENTITY), rows)
    order = [*range(1, n_shares + 1), *range(1, n_shares + 1, 2)]
    random.Random(seed).shuffle(order)
    producer = Producer()
    for number in order:
        filled(parts, rows, share=Share(number=number, n_shares=n_shares), produce=producer)
    assert sorted(row for batch, _, _ in producer.calls for row in batch) == sorted(rows)
    assert every_file(parts) == every_file(whole)


def test_no_share_computes_what_is_another_s_even_where_a_share_failed_on_its_way(tmp_path):
    first, second = (Share(number=number, n_shares=2) for number in (1, 2))
    kept, n_calls = Producer(), [0]

    def ends_early(rows, layers, positions):
        n_calls[0] += 1
        if n_calls[0] == 3:
            raise KeyboardInterrupt
        return kept(rows, layers, positions)

    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, share=first, produce=ends_early)
    other = Producer()
    filled(tmp_path, share=second, produce=other)
    assert [row for rows, _, _ in other.calls for row in rows] == [
        row for start in range(8, 60, 16) for row in ROWS[start : start + 8]
    ]
    left = ActivationStore.open(tmp_path, IDENTITY).missing(
        ROWS, layers=LAYERS, positions=POSITIONS, rows_per_shard=8
    )
    assert [plan.rows for plan in left] == [tuple(ROWS[32:40]), tuple(ROWS[48:56])]
    assert filled(tmp_path, share=first).rows_computed == 16
    assert_holds(ActivationStore.open(tmp_path, IDENTITY), ROWS)
    assert verify(tmp_path).findings == ()


def test_shares_agree_where_a_part_was_stored_before_for_another_study(tmp_path):
    filled(tmp_path, ROWS[5:25])
    for number in (2, 3, 1):
        filled(tmp_path, share=Share(number=number, n_shares=3))
    assert_holds(ActivationStore.open(tmp_path, IDENTITY), ROWS)
    n_stored = len(shard_files(tmp_path))
    assert filled(tmp_path).shards_computed == 0
    assert len(shard_files(tmp_path)) == n_stored


@pytest.mark.parametrize(("number", "n_shares"), [(0, 3), (4, 3), (1, 0), (-1, 2)])
def test_a_share_that_cannot_be_is_refused(number, n_shares):
    with pytest.raises(CacheError, match=f"Share {number}/{n_shares} cannot be; shares are counted from 1"):
        Share(number=number, n_shares=n_shares)
