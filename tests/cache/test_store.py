"""What was stored is what is read, stored once, planned the same way whatever was stored in between."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from cache_source import (
    IDENTITY,
    LAYERS,
    POSITIONS,
    WIDTH,
    Producer,
    assert_holds,
    every_file,
    fill,
    row_keys,
    shard_files,
    source,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from unsinter.cache import ActivationStore, CacheError, default_root
from unsinter.cache.key import identity_key
from unsinter.cache.manifest import Folder
from unsinter.cache.shard import fingerprint, pieces

ROWS = row_keys(40)
requests = st.tuples(
    st.lists(st.sampled_from(ROWS), min_size=1, max_size=30),
    st.sets(st.integers(0, 4), min_size=1),
    st.sets(st.sampled_from(["a", "b", "c"]), min_size=1),
    st.integers(1, 9),
)
quiet = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quiet
@given(
    sites=st.lists(requests, min_size=1, max_size=4),
    dtype=st.sampled_from(["float32", "float16", "bfloat16"]),
)
def test_any_sequence_of_fills_reads_back_bit_for_bit_and_stores_nothing_twice(
    tmp_path_factory, sites, dtype
):
    store = ActivationStore.open(tmp_path_factory.mktemp("cache"), {"dtype": dtype})
    for rows, layers, positions, rows_per_shard in sites:
        store.fill(
            rows,
            layers=layers,
            positions=positions,
            produce=Producer(dtype=dtype),
            dtype=dtype,
            rows_per_shard=rows_per_shard,
        )
        assert store.missing(rows, layers=layers, positions=positions) == []
    for rows, layers, positions, _ in sites:
        for layer in layers:
            for position in positions:
                truth = source(rows, layer, position, dtype=dtype)
                bits = store.read_bits(layer, position, rows)
                assert bits.dtype == truth.dtype
                np.testing.assert_array_equal(bits, truth)
                wide = store.read(layer, position, rows)
                assert wide.dtype == np.float32
                expected = (
                    (truth.astype(np.uint32) << 16).view(np.float32)
                    if dtype == "bfloat16"
                    else truth.astype(np.float32)
                )
                np.testing.assert_array_equal(wide, expected)
    plans = [entry.plan for entry in Folder(store.path).load().values()]
    cells = [(r, la, p) for plan in plans for r in plan.rows for la in plan.layers for p in plan.positions]
    assert len(cells) == len(set(cells))
    assert {r for r, _, _ in cells} == {row for rows, *_ in sites for row in rows}


@quiet
@given(earlier=st.lists(requests, max_size=3), sites=requests, seed=st.integers(0, 1000))
def test_storing_any_of_the_planned_shards_leaves_the_others_planned_as_before(
    tmp_path_factory, earlier, sites, seed
):
    store = ActivationStore.open(tmp_path_factory.mktemp("cache"), IDENTITY)
    for rows, layers, positions, rows_per_shard in earlier:
        fill(store, rows, layers=layers, positions=positions, rows_per_shard=rows_per_shard)
    rows, layers, positions, rows_per_shard = sites
    what = {"layers": layers, "positions": positions, "rows_per_shard": rows_per_shard}
    plans = store.missing(rows, **what)
    stored = random.Random(seed).sample(plans, random.Random(seed).randint(0, len(plans)))
    for plan in stored:
        store.write(plan, Producer()(plan.rows, plan.layers, plan.positions), dtype="bfloat16")
    assert store.missing(rows, **what) == [plan for plan in plans if plan not in stored]


def test_a_row_asked_for_twice_is_computed_and_stored_once(store):
    producer = Producer()
    report = fill(store, ROWS[:5] * 3, produce=producer)
    assert (report.rows, report.rows_computed) == (5, 5)
    assert [len(rows) for rows, _, _ in producer.calls] == [5]
    np.testing.assert_array_equal(
        store.read_bits(0, "template_end", ROWS[:5] * 3), source(ROWS[:5] * 3, 0, "template_end")
    )


def test_adding_layers_and_positions_computes_only_what_is_missing(store):
    fill(store, ROWS, layers=[1, 2], positions=["a"])
    producer = Producer()
    fill(store, ROWS, layers=[1, 2, 3], positions=["a", "b"], produce=producer)
    sites = {(layers, positions) for _, layers, positions in producer.calls}
    assert sites == {((1, 2), ("b",)), ((3,), ("a", "b"))}
    assert_holds(store, ROWS, layers=[1, 2, 3], positions=["a", "b"])


def test_a_complete_request_computes_and_writes_nothing(filled):
    before = {path: path.stat().st_mtime_ns for path in filled.path.rglob("*")}
    producer = Producer()
    assert fill(filled, row_keys(20), produce=producer).shards_computed == 0
    assert producer.calls == []
    assert {path: path.stat().st_mtime_ns for path in filled.path.rglob("*")} == before


@pytest.mark.parametrize("part", sorted(IDENTITY))
def test_every_part_of_the_identity_changes_the_key(part):
    assert identity_key({**IDENTITY, part: "other"}) != identity_key(IDENTITY)


def test_the_key_depends_on_the_identity_and_not_on_its_order_or_on_names_for_people(tmp_path):
    backwards = dict(reversed(IDENTITY.items()))
    named = ActivationStore.open(tmp_path, backwards, about={"model": "some/name", "date": "2026-11-23"})
    assert named.key == ActivationStore.open(tmp_path, IDENTITY).key


def test_asking_for_another_dtype_or_other_weights_never_returns_what_is_stored(filled):
    for change in ({"dtype": "float32"}, {"weights": "retrained"}, {"chat_template": "new"}):
        other = ActivationStore.open(filled.path.parent, {**IDENTITY, **change})
        with pytest.raises(CacheError, match="is not stored"):
            other.read(0, "template_end", row_keys(20))


def test_rows_layers_positions_and_type_are_part_of_a_shards_name(store):
    plans = [
        store.missing(rows, layers=layers, positions=positions)[0]
        for rows, layers, positions in [
            (ROWS[:2], [0], ["a"]),
            (ROWS[1::-1], [0], ["a"]),
            (ROWS[:2], [1], ["a"]),
            (ROWS[:2], [0], ["b"]),
        ]
    ]
    names = {plan.name(key, dtype) for plan in plans for key in "xy" for dtype in ("float16", "bfloat16")}
    assert len(names) == 16


@pytest.mark.parametrize("identity", [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}, {1: "x"}])
def test_an_identity_that_is_not_plain_json_is_refused(tmp_path, identity):
    with pytest.raises(CacheError, match="The identity of a cache"):
        ActivationStore.open(tmp_path, identity)


def test_a_row_that_is_not_stored_is_named(filled):
    with pytest.raises(CacheError, match=f"{filled.path}: row {ROWS[30]} is not stored for layer 0"):
        filled.read(0, "template_end", [ROWS[0], ROWS[30]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": ["not a digest"]}, "Row 0 has the key 'not a digest'"),
        ({"rows": []}, "No rows"),
        ({"layers": []}, "No layers"),
        ({"positions": []}, "No positions"),
        ({"layers": [-1]}, "Layer -1"),
        ({"positions": [""]}, "Position ''"),
        ({"rows_per_shard": 0}, "rows_per_shard must be at least 1"),
    ],
)
def test_a_request_that_cannot_be_is_refused(store, change, message):
    request = {"rows": ROWS, "layers": LAYERS, "positions": POSITIONS, **change}
    with pytest.raises(CacheError, match=message):
        store.missing(request.pop("rows"), **request)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop(5), "Values for layers"),
        (lambda values: values.update({1: values[1][:-1]}), "Layer 1 has the shape"),
        (lambda values: values.update({1: values[1].astype(np.float32)}), "never converts"),
    ],
)
def test_values_that_do_not_fit_the_plan_are_refused(store, change, message):
    (plan,) = store.missing(ROWS, layers=LAYERS, positions=POSITIONS)
    values = Producer()(plan.rows, plan.layers, plan.positions)
    change(values)
    with pytest.raises(CacheError, match=message):
        store.write(plan, values, dtype="bfloat16")
    assert shard_files(store.path) == []


def test_a_second_type_or_width_in_one_folder_is_refused(filled):
    for producer, dtype in ((Producer(dtype="float16"), "float16"), (Producer(width=7), "bfloat16")):
        with pytest.raises(CacheError, match=r"holds bfloat16 of width 24, not"):
            filled.fill(ROWS, layers=LAYERS, positions=POSITIONS, produce=producer, dtype=dtype)


def test_a_shard_is_an_ordinary_safetensors_file_with_native_bfloat16(filled):
    torch = pytest.importorskip("torch")
    for path in shard_files(filled.path):
        rows = list(Folder(filled.path).load()[path.name].plan.rows)
        with safe_open(path, "pt") as file:
            assert sorted(file.keys()) == [f"layer.{layer:02d}" for layer in LAYERS]
            for layer in LAYERS:
                tensor = file.get_tensor(f"layer.{layer:02d}")
                assert tensor.dtype == torch.bfloat16
                assert tensor.shape == (len(POSITIONS), len(rows), WIDTH)
                bits = tensor.view(torch.uint16).numpy()
                for place, position in enumerate(POSITIONS):
                    np.testing.assert_array_equal(bits[place], source(rows, layer, position))


def test_reading_one_layer_touches_no_byte_of_another(filled, monkeypatch):
    filled.read(0, "template_end", ROWS[:20])
    read, real = [], os.preadv

    def noted(descriptor, buffers, offset, *flags):
        read.append((offset, sum(len(buffer) for buffer in buffers)))
        return real(descriptor, buffers, offset, *flags)

    monkeypatch.setattr(os, "preadv", noted)
    filled.read(5, "template_end", ROWS[:20])
    assert sum(n for _, n in read if n > 1) == 20 * WIDTH * 2


def test_a_store_sees_what_another_process_added(store):
    reader = ActivationStore.open(store.path.parent, IDENTITY)
    fill(store, ROWS[:8])
    assert_holds(reader, ROWS[:8])
    fill(store, ROWS)
    assert_holds(reader, ROWS)


def test_the_same_rows_filled_in_two_runs_or_one_have_the_same_bytes(tmp_path):
    def interrupted(rows, layers, positions):
        if rows[0] == ROWS[16]:
            raise KeyboardInterrupt
        return Producer()(rows, layers, positions)

    broken, whole = (ActivationStore.open(tmp_path / name, IDENTITY) for name in ("broken", "whole"))
    with pytest.raises(KeyboardInterrupt):
        fill(broken, ROWS, produce=interrupted)
    fill(broken, ROWS)
    fill(whole, ROWS)
    assert every_file(tmp_path / "broken") == every_file(tmp_path / "whole")


@given(st.binary(min_size=1, max_size=40_000), st.data())
@settings(max_examples=50, deadline=None)
def test_any_changed_byte_changes_the_fingerprint(raw, data):
    values = np.frombuffer(raw, np.uint8).copy()
    before = fingerprint(pieces(values))
    place = data.draw(st.integers(0, len(raw) - 1))
    values[place] ^= data.draw(st.integers(1, 255))
    assert fingerprint(pieces(values)) != before


def test_pages_that_trade_places_change_the_fingerprint():
    values = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8)
    before = fingerprint(pieces(values))
    values[:4096], values[8192:12288] = values[8192:12288].copy(), values[:4096].copy()
    assert fingerprint(pieces(values)) != before


def test_the_root_is_the_environments_or_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("UNSINTER_CACHE", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("UNSINTER_CACHE")
    assert default_root().name == "unsinter"
    assert default_root() != Path.cwd()
