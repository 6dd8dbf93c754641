"""The index: one small file per shard, folded now and then; who writes or reads meanwhile loses nothing."""

import errno
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
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
from kill_at_events import leave_unfinished

from unsinter.cache import ActivationStore, CacheError, gc, verify, writing
from unsinter.cache.entries import IndexFile, ShardEntry, encode_earlier
from unsinter.cache.folding import fold, migrate
from unsinter.cache.index import Index, RowTable, as_keys
from unsinter.cache.key import identity_key, pack
from unsinter.cache.manifest import Folder
from unsinter.cache.reading import RowIndexes
from unsinter.cache.shard import ShardPlan
from unsinter.cache.writing import list_shard

KEY = identity_key(IDENTITY)
ROWS = row_keys(40)
quiet = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def entry_of(rows, *, layers=(0,), positions=("a",), seal: str = "0" * 64) -> tuple[str, ShardEntry]:
    """An entry as the shard of these rows would have it, with the name of its file."""
    plan = ShardPlan(rows=tuple(rows), layers=tuple(layers), positions=tuple(positions))
    entry = ShardEntry.for_plan(plan, dtype="float32", d_model=4, n_bytes=100, header_sha256=seal)
    return plan.name(KEY, "float32"), entry


@pytest.fixture
def folder(tmp_path) -> Folder:
    """A folder with an index of nothing."""
    path = tmp_path / KEY
    for name in ("entries", "shards", "locks"):
        (path / name).mkdir(parents=True)
    made = Folder(path)
    fold(made)
    return made


def one_shard_at_a_time(store: ActivationStore, rows, *, rows_per_shard: int = 8) -> None:
    """Store rows so that every shard keeps an entry of its own, as a run leaves it that was killed."""
    for plan in store.missing(rows, layers=LAYERS, positions=POSITIONS, rows_per_shard=rows_per_shard):
        store.write(plan, Producer()(plan.rows, plan.layers, plan.positions), dtype="bfloat16")


@pytest.mark.parametrize("file", ["index.bin", "entries/000000000000.entry", "manifest.json"])
def test_every_flipped_bit_of_the_index_is_noticed_and_its_file_named(tmp_path, file):
    path = tmp_path / KEY / file
    path.parent.mkdir(parents=True)
    name, entry = entry_of(ROWS[:2])
    index = IndexFile(entries={name: entry})
    chunks = encode_earlier({name: entry}, KEY) if path.suffix == ".json" else index.encoded(KEY)
    raw = b"".join(chunks)
    path.write_bytes(raw)
    if path.suffix == ".entry":
        (tmp_path / KEY / "index.bin").write_bytes(b"".join(IndexFile(entries={}).encoded(KEY)))
    assert Folder(tmp_path / KEY).load()[name] == entry
    for place in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(CacheError) as caught:
            Folder(tmp_path / KEY).load()
        assert str(path) in str(caught.value)
        assert "unsinter cache verify" in str(caught.value)


@pytest.mark.parametrize("n_bytes", [0, 10, 17, 60, -1])
def test_an_index_that_is_cut_off_or_longer_is_refused(folder, n_bytes):
    list_shard(folder, *entry_of(ROWS[:3]))
    for path in (folder.index, folder.entry(0)):
        raw = path.read_bytes()
        for changed in (raw[:n_bytes], raw + b"x"):
            path.write_bytes(changed)
            with pytest.raises(CacheError, match=str(path)):
                Folder(folder.path).load()
        path.write_bytes(raw)


def test_an_index_of_a_later_format_is_named_as_such(folder):
    folder.index.write_bytes(folder.index.read_bytes().replace(b"index 2", b"index 3"))
    with pytest.raises(CacheError, match=r"has the format 3, and this unsinter reads 2; .*update unsinter"):
        Folder(folder.path).load()


def test_a_damaged_entry_is_named_set_aside_by_verify_and_its_shard_listed_again_without_computing(
    tmp_path,
):
    store = ActivationStore.open(tmp_path, IDENTITY)
    one_shard_at_a_time(store, ROWS)
    damaged = sorted((store.path / "entries").iterdir())[-1]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    again = ActivationStore.open(tmp_path, IDENTITY)
    for act in (lambda: again.read(0, "template_end", ROWS[:8]), lambda: fill(again, ROWS)):
        with pytest.raises(CacheError, match=f"{damaged}.*unsinter cache verify.*no row is lost"):
            act()
    result = verify(tmp_path)
    assert [(finding.kind, finding.path) for finding in result.findings if not finding.is_harmless] == [
        ("index", damaged)
    ]
    assert verify(tmp_path, quarantine=True).moved == (store.path / "quarantine" / damaged.name,)
    missing = again.missing(ROWS, layers=LAYERS, positions=POSITIONS, rows_per_shard=8)
    assert [plan.rows for plan in missing] == [tuple(ROWS[32:])]
    report = fill(again, ROWS)
    assert (report.shards_adopted, report.shards_computed) == (1, 0)
    assert_holds(again, ROWS)
    assert verify(tmp_path).findings == ()


def test_a_number_is_never_used_again_after_its_entry_was_damaged(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    one_shard_at_a_time(store, ROWS[:16])
    sorted((store.path / "entries").iterdir())[-1].write_bytes(b"")
    verify(tmp_path, quarantine=True)
    one_shard_at_a_time(ActivationStore.open(tmp_path, IDENTITY), ROWS[16:24])
    assert [file.name for file in (store.path / "entries").iterdir()] == ["000000000002.entry"]


def test_a_shard_without_an_entry_is_offered_by_gc_and_an_entry_without_its_shard_is_named(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    one_shard_at_a_time(store, ROWS[:16])
    first, second = Folder(store.path).load()
    (store.path / "entries" / "000000000001.entry").unlink()
    assert {finding.kind for finding in verify(tmp_path).findings} == {"unlisted"}
    study = tmp_path / "study"
    study.mkdir()
    store.keep_for(study, ROWS[:8], layers=LAYERS, positions=POSITIONS)
    assert [candidate.path.name for candidate in gc(tmp_path).candidates] == [second]
    (store.path / "shards" / first).unlink()
    with pytest.raises(CacheError, match=f"{first}: this shard is listed in the index and is gone"):
        ActivationStore.open(tmp_path, IDENTITY).read(0, "template_end", ROWS[:8])


def test_a_commit_waits_for_no_lock_that_another_holds(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    one_shard_at_a_time(store, ROWS[:8])
    with Folder(store.path).locked():  # as a fold of a large index holds it; a wait would never end
        one_shard_at_a_time(store, ROWS)
    assert_holds(store, ROWS)


def test_of_two_writers_of_the_same_rows_the_second_stores_nothing_and_changes_no_byte(tmp_path):
    """Whatever else is in the values: floats of another machine differ in their last bits."""
    first, second = (ActivationStore.open(tmp_path, IDENTITY) for _ in range(2))
    (plan,) = first.missing(ROWS[:8], layers=LAYERS, positions=POSITIONS)
    values = Producer()(plan.rows, plan.layers, plan.positions)
    first.write(plan, values, dtype="bfloat16")
    before = every_file(tmp_path)
    other = {layer: array ^ np.uint16(1) for layer, array in values.items()}
    second.write(plan, other, dtype="bfloat16")
    assert every_file(tmp_path) == before
    assert_holds(second, ROWS[:8])


def test_a_writer_whose_folder_listing_is_old_meets_every_entry_before_it_adds_its_own(folder, monkeypatch):
    stale = Folder(folder.path)
    stale.load()
    list_shard(folder, *entry_of(ROWS[:4]))
    list_shard(folder, *entry_of(ROWS[4:8]))
    monkeypatch.setattr(stale, "entry_numbers", lambda: [])  # as on a network, for a while
    assert not list_shard(stale, *entry_of(ROWS[6:12]))  # two of its rows are another's
    assert list_shard(stale, *entry_of(ROWS[8:12]))
    assert len(Folder(folder.path).load()) == 3
    assert [file.name for file in folder.entries.iterdir() if file.suffix != ".entry"] == []


def test_an_entry_below_what_was_folded_meanwhile_does_not_count_and_is_added_anew(folder, monkeypatch):
    slow = Folder(folder.path)
    slow.load()
    loads, load = [], slow.load

    def folded_after_the_first_look():
        index = load()
        if not loads:
            loads.append(1)
            list_shard(folder, *entry_of(ROWS[:4]))
            fold(folder)
        return index

    monkeypatch.setattr(slow, "load", folded_after_the_first_look)
    name, entry = entry_of(ROWS[4:8])
    assert list_shard(slow, name, entry)
    assert [file.name for file in folder.entries.iterdir()] == ["000000000001.entry"]
    assert Folder(folder.path).load()[name] == entry


def test_a_reader_that_listed_entries_before_a_fold_still_sees_every_shard(folder, monkeypatch):
    names = [entry_of(ROWS[start : start + 4])[0] for start in range(0, 16, 4)]
    for start in range(0, 16, 4):
        list_shard(folder, *entry_of(ROWS[start : start + 4]))
    reader, listed, folds = Folder(folder.path), Folder.entry_numbers, []

    def folded_right_after(self):
        numbers = listed(self)
        if self is reader and not folds:
            folds.append(1)
            fold(Folder(folder.path))
        return numbers

    monkeypatch.setattr(Folder, "entry_numbers", folded_right_after)
    assert sorted(reader.load()) == sorted(names)


def test_no_entry_and_no_fold_depends_on_a_clock(folder):
    for start in range(0, 12, 4):
        list_shard(folder, *entry_of(ROWS[start : start + 4]))
        for number, file in enumerate(folder.path.rglob("*.*")):
            os.utime(file, (0, 0) if number % 2 else (2**32, 2**32))
        if start == 4:
            fold(folder)
    assert len(Folder(folder.path).load()) == 3


def test_a_writer_whose_unfinished_file_another_machine_swept_writes_it_again(tmp_path, monkeypatch):
    link, swept = os.link, []

    def with_a_clock_an_hour_ahead(source, target):
        if len(swept) < 2 and target not in swept:
            swept.append(target)
            Path(source).unlink()
        return link(source, target)

    monkeypatch.setattr(os, "link", with_a_clock_an_hour_ahead)
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, ROWS)
    assert len(swept) == 2
    assert_holds(store, ROWS)
    assert verify(tmp_path).findings == ()


def test_a_file_system_without_hard_links_stores_the_same_bytes(tmp_path, monkeypatch):
    fill(ActivationStore.open(tmp_path / "linked", IDENTITY), ROWS)

    def refused(source, target):
        raise OSError(errno.EPERM, "Operation not permitted", source)

    monkeypatch.setattr(os, "link", refused)
    store = ActivationStore.open(tmp_path / "renamed", IDENTITY)
    fill(store, ROWS)
    assert every_file(tmp_path / "renamed") == every_file(tmp_path / "linked")
    (name, entry), *_ = Folder(store.path).load().items()
    assert not list_shard(Folder(store.path), name, entry)


def test_many_shards_are_folded_while_they_are_filled_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("unsinter.cache.folding._FEWEST_FOLDED", 4)
    store, most = ActivationStore.open(tmp_path, IDENTITY), [0]

    def produce(rows, layers, positions):
        most.append(len(list((store.path / "entries").glob("*.entry"))))
        return Producer()(rows, layers, positions)

    fill(store, ROWS, rows_per_shard=1, produce=produce)
    assert max(most) == 3  # the fourth is folded as soon as it is written
    assert list((store.path / "entries").iterdir()) == []
    assert len(Folder(store.path).load()) == 40
    assert_holds(store, ROWS)


FORMAT_1 = Path(__file__).parents[1] / "samples" / "cache_of_format_1"
"""A cache as version 0.1 wrote it: 20 rows of `cache_source` in three shards."""


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A copy of the stored cache of format 1."""
    return Path(shutil.copytree(FORMAT_1, tmp_path / "earlier"))


def test_a_cache_of_format_1_is_read_and_filled_as_it_is(earlier):
    store = ActivationStore.open(earlier, IDENTITY)
    assert_holds(store, row_keys(20))
    before = every_file(earlier)
    report = fill(store, row_keys(28))
    assert report.rows_computed == 8
    assert_holds(ActivationStore.open(earlier, IDENTITY), row_keys(28))
    after = every_file(earlier)
    assert {name: after[name] for name in before} == before
    assert verify(earlier).findings == ()


@pytest.mark.parametrize("is_filled", [False, True])
def test_a_cache_of_format_1_is_migrated_and_nothing_of_it_deleted(earlier, is_filled):
    rows = row_keys(28) if is_filled else row_keys(20)
    if is_filled:
        fill(ActivationStore.open(earlier, IDENTITY), rows)
    before = every_file(earlier)
    (kept,) = migrate(earlier)
    after = every_file(earlier)
    manifest = next(name for name in before if name.endswith("manifest.json"))
    assert kept.read_bytes() == before.pop(manifest)
    before.pop(manifest.replace("manifest.json", "index.bin"), None)
    assert {name: after[name] for name in before} == before
    assert not (kept.parent / "manifest.json").exists()
    store, producer = ActivationStore.open(earlier, IDENTITY), Producer()
    fill(store, rows, produce=producer)
    assert producer.calls == []
    assert_holds(store, rows)
    assert migrate(earlier) == ()
    assert verify(earlier).findings == ()


def test_a_migrated_cache_has_the_index_of_one_that_was_filled_today(earlier, tmp_path):
    migrate(earlier)
    today = ActivationStore.open(tmp_path / "today", IDENTITY)
    fill(today, row_keys(20))
    migrated, written = Folder(earlier / KEY).load(), Folder(today.path).load()
    assert dict(migrated) == dict(written)


def test_gc_strikes_shards_off_an_index_of_format_1_and_removes_a_migrated_folder_whole(earlier, tmp_path):
    store = ActivationStore.open(earlier, IDENTITY)
    store.keep_for(tmp_path, row_keys(8), layers=LAYERS, positions=POSITIONS)
    gc(earlier, dry_run=False)
    assert len(shard_files(earlier)) == 1
    assert_holds(store, row_keys(8))
    assert verify(earlier).findings == ()
    migrate(earlier)
    for note in (store.path / "references").iterdir():
        note.unlink()
    gc(earlier, dry_run=False)
    assert list(earlier.iterdir()) == []


@pytest.mark.parametrize("what", ["damaged", "missing"])
def test_an_index_of_format_1_that_is_lost_is_rebuilt_in_the_present_format(earlier, what):
    fill(ActivationStore.open(earlier, IDENTITY), row_keys(28))
    manifest = earlier / KEY / "manifest.json"
    manifest.unlink() if what == "missing" else manifest.write_bytes(b"{}")
    with pytest.raises(CacheError, match=f"{manifest}.*verify --rebuild.*no row is lost"):
        ActivationStore.open(earlier, IDENTITY).read(0, "template_end", row_keys(20))
    verify(earlier, rebuild=True)
    assert verify(earlier).findings == ()
    assert_holds(ActivationStore.open(earlier, IDENTITY), row_keys(28))
    assert not manifest.exists()


steps = st.lists(
    st.tuples(st.sampled_from(["list", "fold", "strike", "look"]), st.integers(0, 2), st.integers(0, 11)),
    max_size=25,
)


@quiet
@given(steps=steps)
def test_any_order_of_commits_folds_and_removals_by_several_writers_ends_with_what_was_listed(
    tmp_path_factory, steps
):
    path = tmp_path_factory.mktemp("cache") / KEY
    for name in ("entries", "shards", "locks"):
        (path / name).mkdir(parents=True)
    writers = [Folder(path) for _ in range(3)]
    fold(writers[0])
    truth: dict[str, ShardEntry] = {}
    for act, who, what in steps:
        name, entry = entry_of(ROWS[3 * what : 3 * what + 4], seal=f"{who}" * 64)  # neighbours share a row
        taken = {row for other in truth.values() for row in other.plan.rows}
        if act == "list":
            assert list_shard(writers[who], name, entry) == taken.isdisjoint(entry.plan.rows)
            if taken.isdisjoint(entry.plan.rows):
                truth[name] = entry
        elif act == "fold":
            fold(writers[who])
        elif act == "strike":
            fold(writers[who], without={name})
            truth.pop(name, None)
        else:
            assert dict(writers[who].load()) == truth
    assert all(dict(folder.load()) == truth for folder in (*writers, Folder(path)))


cells = st.tuples(
    st.lists(st.sampled_from(ROWS[:12]), min_size=1, max_size=6, unique=True),
    st.sets(st.integers(0, 3), min_size=1),
    st.sets(st.sampled_from("ab"), min_size=1),
)


@quiet
@given(folded=st.lists(cells, max_size=5), loose=st.lists(cells, max_size=5), sites=cells)
def test_what_the_index_says_of_rows_is_what_a_look_at_every_shard_says(folded, loose, sites):
    made = [entry_of(rows, layers=sorted(la), positions=sorted(po)) for rows, la, po in folded]
    index = Index(dict(made), number=3)
    for number, (rows, layers, positions) in enumerate(loose, 3):
        index.add(number, *entry_of(rows, layers=sorted(layers), positions=sorted(positions)))
    rows, layers, positions = sites
    request = ShardPlan(rows=tuple(rows), layers=tuple(sorted(layers)), positions=tuple(sorted(positions)))
    holders = {
        row: {
            name
            for name, entry in index.items()
            if row in entry.plan.rows and layers & set(entry.layers) and positions & set(entry.positions)
        }
        for row in rows
    }
    assert index.names_holding(request) == set().union(*holders.values())
    assert index.rows_not_held(request) == [place for place, row in enumerate(rows) if not holders[row]]
    codes, stored = index.signatures(request)
    for row, code in zip(rows, codes.tolist(), strict=True):
        assert set(stored[code]) == {index[name].signature for name in holders[row]}
    assert index.n_rows() == len({row for entry in index.values() for row in entry.plan.rows})


@quiet
@given(listed=st.lists(st.integers(0, 9), max_size=30), wanted=st.lists(st.integers(0, 12), max_size=15))
def test_keys_that_begin_alike_are_told_apart(listed, wanted):
    keys = [f"{number % 3:016x}{number:048x}" for number in range(13)]  # eight bytes of which are shared
    table = RowTable(pack([keys[number] for number in listed]))
    numbers, places = table.places(as_keys(pack([keys[number] for number in wanted])))
    expected = [
        (at, place)
        for at, number in enumerate(wanted)
        for place, other in enumerate(listed)
        if number == other
    ]
    assert list(zip(numbers.tolist(), places.tolist(), strict=True)) == expected
    assert table.n_distinct() == len(set(listed))


def test_what_is_open_already_sees_a_flip_in_the_index_too(folder):
    list_shard(folder, *entry_of(ROWS[:4]))
    fold(folder)
    folder.load()
    raw = bytearray(folder.index.read_bytes())
    raw[-40] ^= 1
    time.sleep(0.01)
    folder.index.write_bytes(raw)
    with pytest.raises(CacheError, match=r"index\.bin"):
        folder.load()


def test_an_index_that_a_thread_reads_stays_whole_while_another_one_folds_it(folder):
    list_shard(folder, *entry_of(ROWS[:4]))
    request = ShardPlan(rows=tuple(ROWS[:12]), layers=(0,), positions=("a",))
    first = folder.load()
    names = first.names_holding(request)
    fold(folder)
    later = entry_of(ROWS[4:8])
    list_shard(folder, *later)
    assert first.names_holding(request) == names
    assert first.rows_not_held(request) == list(range(4, 12))
    assert folder.load().names_holding(request) == {*names, later[0]}
    assert folder.load().version > first.version


def test_rows_that_another_thread_lists_just_before_are_not_listed_twice(folder, monkeypatch):
    ours, theirs = entry_of(ROWS[:4]), entry_of(ROWS[2:6])
    look = writing._is_new

    def look_and_be_overtaken(index, entry):
        is_new = look(index, entry)
        monkeypatch.setattr(writing, "_is_new", look)
        assert list_shard(folder, *theirs)
        return is_new

    monkeypatch.setattr(writing, "_is_new", look_and_be_overtaken)
    assert not list_shard(folder, *ours)
    assert set(folder.load()) == {theirs[0]}


def test_where_rows_stand_is_looked_up_in_the_index_that_was_asked(folder):
    list_shard(folder, *entry_of(ROWS[:4]))
    first, known = folder.load(), RowIndexes()
    fold(folder)
    list_shard(folder, *entry_of(ROWS[4:8]))
    second = folder.load()
    for index, n_shards in ((first, 1), (second, 2), (first, 1)):
        assert len(known.of(index, 0, "a").names) == n_shards


def test_a_rebuild_takes_away_what_a_killed_one_left_unfinished(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, ROWS[:8])
    (shard,) = shard_files(tmp_path)
    (store.path / "index.bin").unlink()
    left = [
        leave_unfinished(store.path / "entries" / f"{shard.stem}.entry"),
        leave_unfinished(store.path / "index.bin"),
    ]
    verify(tmp_path, rebuild=True)
    verify(tmp_path, rebuild=True)
    assert not any(path.exists() for path in left)
    assert verify(tmp_path).is_sound


def test_threads_that_fill_and_read_one_store_lose_no_shard(tmp_path, monkeypatch):
    monkeypatch.setattr("unsinter.cache.folding._FEWEST_FOLDED", 3)
    store = ActivationStore.open(tmp_path, IDENTITY)
    wanted = [row_keys(24, salt=str(number)) for number in range(4)]

    def fill_and_read(rows):
        for end in range(4, 25, 4):
            fill(store, rows[:end], rows_per_shard=2)
            assert_holds(store, rows[:end])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill_and_read, wanted))
    assert verify(tmp_path).findings == ()
    assert len(Folder(store.path).load()) == 48
