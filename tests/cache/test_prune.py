"""`ls` says what is there; `gc` offers what no study needs and removes nothing unasked."""

import shutil
from pathlib import Path

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

from unsinter.cache import ActivationStore, CacheError, gc, ls, verify

ROWS = row_keys(32)


@pytest.fixture
def study(tmp_path) -> Path:
    """The folder of a study's run."""
    folder = tmp_path / "runs" / "study"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    """The cache's root, of its own."""
    return tmp_path / "cache"


def test_ls_says_what_each_model_has(root, study):
    store = ActivationStore.open(root, IDENTITY, about={"model": "some/model"})
    fill(store, ROWS)
    store.keep_for(study, ROWS, layers=LAYERS, positions=POSITIONS)
    (holding,) = ls(root)
    assert (holding.key, holding.model, holding.rows) == (store.key, "some/model", 32)
    assert (holding.layers, holding.positions, holding.dtype) == (LAYERS, POSITIONS, "bfloat16")
    assert holding.n_bytes == sum(path.stat().st_size for path in shard_files(root))
    assert (holding.n_shards, holding.studies) == (4, (study,))


def test_ls_gc_and_verify_of_no_cache_find_nothing(root):
    assert ls(root) == []
    assert gc(root).candidates == ()
    assert verify(root).is_sound


def test_gc_offers_only_what_no_existing_study_needs_and_removes_only_when_told(root, study):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    store.keep_for(study, ROWS[:8], layers=[0], positions=POSITIONS)
    before = every_file(root)
    offered = gc(root)
    assert not offered.removed
    assert len(offered.candidates) == 3
    assert offered.n_bytes == sum(candidate.path.stat().st_size for candidate in offered.candidates)
    assert every_file(root) == before

    gc(root, dry_run=False)
    assert len(shard_files(root)) == 1
    assert verify(root).findings == ()
    assert_holds(store, ROWS[:8])
    fill(store, ROWS)
    assert_holds(store, ROWS)


def test_gc_offers_everything_of_a_study_whose_folder_is_gone(root, study):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    store.keep_for(study, ROWS, layers=LAYERS, positions=POSITIONS)
    assert gc(root).candidates == ()
    shutil.rmtree(study)
    assert {c.reason.partition(":")[0] for c in gc(root).candidates} == {
        "no study names it",
        "its study is gone",
    }
    gc(root, dry_run=False)
    assert ls(root) == []
    assert list(root.iterdir()) == []


def test_gc_on_storage_of_many_hosts_keeps_what_a_study_that_this_host_does_not_see_needs(
    root, study, monkeypatch
):
    monkeypatch.setenv("UNSINTER_LOCKS", "soft")
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    store.keep_for(study, ROWS, layers=LAYERS, positions=POSITIONS)
    shutil.rmtree(study)
    assert gc(root, dry_run=False).candidates == ()
    assert_holds(store, ROWS)


def test_gc_leaves_alone_what_it_is_told_to_keep_and_what_is_not_the_caches(root):
    first, second = (ActivationStore.open(root, {**IDENTITY, "weights": name}) for name in "ab")
    for store in (first, second):
        fill(store, ROWS)
    notes = second.path / "notes.txt"
    notes.write_text("mine")
    gc(root, keep={first.key}, dry_run=False)
    assert_holds(first, ROWS)
    assert notes.read_text() == "mine"
    assert [path for path in second.path.rglob("*")] == [notes]


def test_gc_offers_quarantined_files_only_when_asked(root, study):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    store.keep_for(study, ROWS, layers=LAYERS, positions=POSITIONS)
    shard_files(root)[0].write_bytes(b"damaged")
    verify(root, quarantine=True)
    assert gc(root).candidates == ()
    (offered,) = gc(root, quarantined=True).candidates
    assert offered.path.parent.name == "quarantine"


def test_gc_offers_an_abandoned_copy_and_not_one_being_written(root):
    store = ActivationStore.open(root, IDENTITY)
    seen = []

    def while_writing(rows, layers, positions):
        leftover = store.path / "shards" / f".{plan.name(store.key, 'bfloat16')}.elsewhere-1-ab.tmp"
        leftover.write_bytes(b"half")
        seen.append([candidate.path for candidate in gc(root).candidates])
        return Producer()(rows, layers, positions)

    (plan,) = store.missing(ROWS, layers=LAYERS, positions=POSITIONS)
    fill(store, ROWS, rows_per_shard=512, produce=while_writing)
    assert seen == [[]]
    assert any(c.reason.startswith("unfinished") for c in gc(root).candidates)


def test_a_damaged_note_of_a_study_stops_gc_rather_than_freeing_what_the_study_needs(root, study):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    store.keep_for(study, ROWS, layers=LAYERS, positions=POSITIONS)
    (note,) = (store.path / "references").iterdir()
    note.write_text("{")
    with pytest.raises(CacheError, match=f"{note}.*move it away"):
        gc(root, dry_run=False)
    assert_holds(store, ROWS)
