"""`gc` and `verify` beside processes that fill and read: what is in use stays, and nothing raw comes out."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cache_source
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
from filelock import FileLock
from kill_at_events import killed_at

from unsinter.cache import ActivationStore, CacheError, gc, ls, prune, verify
from unsinter.cache.atomic import file_lock
from unsinter.cache.references import read_references

ROWS = row_keys(32)
USER = Path(cache_source.__file__).with_name("using_process.py")


def start(*arguments: object) -> subprocess.Popen:
    """Start a process that uses a cache; see `using_process.py`."""
    command = [sys.executable, str(USER), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE)


def output_line(process: subprocess.Popen) -> str:
    """Wait for one line of a process."""
    return process.stdout.readline().decode().strip()


def end(process: subprocess.Popen) -> None:
    """Let a process go on to its end; its error is the test's."""
    _, error = process.communicate(b"\n", timeout=120)
    assert process.returncode == 0, error.decode()


@pytest.fixture
def root(tmp_path) -> Path:
    """The cache's root, of its own."""
    return tmp_path / "cache"


@pytest.mark.parametrize("moment", ["prepared", "filling", "filled", "reading", "noted"])
def test_gc_leaves_alone_what_another_process_holds_until_it_ends(root, moment):
    process = start("hold", root, moment)
    assert output_line(process) == moment
    before = {name: raw for name, raw in every_file(root).items() if not name.endswith(".tmp")}
    for dry_run in (True, False):
        report = gc(root, dry_run=dry_run)
        assert report.candidates == ()
        assert len(report.in_use) == 1
    assert {name: raw for name, raw in every_file(root).items() if not name.endswith(".tmp")} == before
    end(process)
    gc(root, dry_run=False)
    assert list(root.iterdir()) == []


def test_gc_takes_what_a_killed_process_held(root):
    process = start("hold", root, "filling")
    assert output_line(process) == "filling"
    process.kill()
    process.communicate()
    assert gc(root).in_use == ()
    gc(root, dry_run=False)
    assert list(root.iterdir()) == []


def test_gc_called_by_the_model_itself_in_the_middle_of_a_fill_removes_nothing(root):
    store = ActivationStore.open(root, IDENTITY)

    def produce(rows, layers, positions):
        assert gc(root, dry_run=False).candidates == ()
        return Producer()(rows, layers, positions)

    fill(store, ROWS, produce=produce)
    assert_holds(store, ROWS)


def test_a_store_goes_on_after_its_own_process_removed_everything(root):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    gc(root, dry_run=False)
    assert list(root.iterdir()) == []
    fill(store, ROWS)
    assert_holds(store, ROWS)
    process = start("gc", root)
    assert output_line(process) == "0 candidates, 1 in use"  # the lock is on the new folder
    end(process)


def test_a_store_that_is_forgotten_lets_go(root):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    del store
    process = start("gc", root)
    assert output_line(process) == "4 candidates, 0 in use"
    end(process)


def test_reading_takes_no_right_to_write(root):
    fill(ActivationStore.open(root, IDENTITY), ROWS)
    before = every_file(root)
    assert_holds(ActivationStore.open(root, IDENTITY), ROWS)
    assert every_file(root) == before


def test_a_study_is_noted_before_the_first_shard_is_computed(root, tmp_path):
    study = tmp_path / "study.yaml"
    study.touch()
    store = ActivationStore.open(root, IDENTITY, study=study)

    def killed(rows, layers, positions):
        if len(shard_files(root)) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return Producer()(rows, layers, positions)

    assert killed_at(lambda: fill(store, ROWS, produce=killed), [], 0)
    assert gc(root, dry_run=False).candidates == ()
    assert fill(ActivationStore.open(root, IDENTITY), ROWS).shards_computed == 2


def test_every_bit_of_a_note_is_guarded(root, tmp_path):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS[:3], rows_per_shard=1)
    store.keep_for(tmp_path, ROWS[:2], layers=LAYERS, positions=POSITIONS)
    (note,) = (store.path / "references").iterdir()
    sound, kept = note.read_bytes(), {c.path for c in gc(root).candidates}
    assert len(kept) == 1
    for bit in range(8 * len(sound)):
        raw = bytearray(sound)
        raw[bit // 8] ^= 1 << bit % 8
        note.write_bytes(raw)
        assert offered_or_refused(root) in (kept, f"{note}: this note of what a study needs is damaged")
    note.write_bytes(sound)
    assert {c.path for c in gc(root).candidates} == kept


def offered_or_refused(root: Path) -> set[Path] | str:
    """What gc would remove, or the first part of what it says instead."""
    try:
        return {candidate.path for candidate in gc(root).candidates}
    except CacheError as error:
        return str(error).partition(";")[0]


def test_a_note_of_an_earlier_version_is_read_and_in_doubt_keeps_everything(root, tmp_path):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS[:3], rows_per_shard=1)
    store.keep_for(tmp_path, ROWS[:2], layers=LAYERS, positions=POSITIONS)
    (note,) = (store.path / "references").iterdir()
    old = json.loads(note.read_bytes())["note"]
    note.write_text(json.dumps(old))
    assert len(gc(root).candidates) == 1
    old["rows"][0] = row_keys(1, salt="changed")[0]
    note.write_text(json.dumps(old))
    report = gc(root)
    assert (report.candidates, report.doubtful) == ((), (note,))
    old["study"] += "x"
    note.write_text(json.dumps(old))
    with pytest.raises(CacheError, match=f"{note}.*damaged"):
        gc(root)


def test_gc_removes_only_what_was_shown(root):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS[:8])
    shown = {candidate.path for candidate in gc(root).candidates}
    fill(store, ROWS)
    assert len(gc(root, dry_run=False, only=shown).candidates) == 1
    assert len(shard_files(root)) == 3


def test_verify_takes_no_sound_shard_for_one_that_was_bad_when_it_read_it(root, monkeypatch):
    store = ActivationStore.open(root, IDENTITY)
    fill(store, ROWS)
    victim = shard_files(root)[0]
    sound = victim.read_bytes()
    victim.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))

    def made_anew(path):
        if path == shard_files(root)[-1]:
            victim.write_bytes(sound)

    assert verify(root, quarantine=True, on_shard=made_anew).moved == ()
    assert_holds(store, ROWS)


@pytest.mark.parametrize("act", ["gc", "quarantine", "rebuild", "fill"])
def test_a_kill_at_any_file_event_of_a_cache_verb_is_mended_by_the_same_verb(root, tmp_path, act):
    """And leaves nothing for `verify` to complain of that was not there before."""

    def scene() -> None:
        store = ActivationStore.open(root, IDENTITY)
        fill(store, ROWS)
        if act == "quarantine":
            shard_files(root)[0].write_bytes(b"damaged")
        if act == "rebuild":
            (store.path / "index.bin").write_bytes(b"damaged")

    def verb() -> None:
        if act == "gc":
            gc(root, dry_run=False)
        elif act == "fill":
            study = ActivationStore.open(root, IDENTITY, study=tmp_path)
            fill(study, row_keys(48))
        else:
            verify(root, quarantine=True, rebuild=act == "rebuild")

    number = 0
    is_killed = True
    while is_killed:
        number += 1
        scene()
        is_killed = killed_at(verb, [root], number)
        if act in ("gc", "fill"):
            assert verify(root).is_sound, number
        verb()
        if act == "gc":
            assert list(root.iterdir()) == [], number
            continue
        assert verify(root).is_sound, number
        fill(ActivationStore.open(root, IDENTITY), ROWS)
        assert_holds(ActivationStore.open(root, IDENTITY), ROWS)
        for path in sorted(root.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    assert number > 5


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_fillers_with_gc_and_verify_in_loops_and_one_filler_killed_end_complete(tmp_path):
    rounds(tmp_path, n_rounds=50)


def test_one_round_of_fillers_beside_gc_and_verify_ends_complete(tmp_path):
    rounds(tmp_path, n_rounds=1)


def rounds(folder: Path, *, n_rounds: int) -> None:
    """Each round: three fillers, one of them killed, and a process each that loops over gc and verify."""
    stop = folder / "stop"
    loops = [start(verb, folder, stop) for verb in ("gc-loop", "verify-loop")]
    fillers = [start("fill", folder, place) for place in (1, 2)]
    victim = start("fill", folder, 0)
    assert [output_line(loop) for loop in loops] == ["looping", "looping"]
    try:
        for number in range(n_rounds):
            root, (killed, victim) = folder / f"cache{number:02d}", (victim, start("fill", folder, 0))
            for filler in (killed, *fillers):
                filler.stdin.write(f"{root}\n".encode())
                filler.stdin.flush()
            assert output_line(killed) == "filling"
            time.sleep(0.01 * (number % 10))
            killed.kill()
            killed.communicate()
            for filler in fillers:
                assert [output_line(filler), output_line(filler)] == ["filling", "done"], (
                    filler.communicate()[1].decode()
                )
    finally:
        stop.touch()
        ends = [(process, process.communicate()[1]) for process in (*loops, *fillers, victim)]
    for process, error in ends:
        assert process.returncode == 0, error.decode()
    for root in sorted(folder.glob("cache*")):
        ls(root)
        assert verify(root).is_sound
        for folder_of_model in root.iterdir():
            assert read_references(type("Model", (), {"references": folder_of_model / "references"})) == []


def test_a_filler_that_prepares_the_folder_the_moment_gc_lets_go_of_it_keeps_all_of_it(root, monkeypatch):
    fill(ActivationStore.open(root, IDENTITY), ROWS)
    remove_lock, fillers = prune.remove_lock, []

    def remove_and_prepare(lock):
        remove_lock(lock)
        if lock.name == "manifest.lock":
            fillers.append(start("hold", root, "prepared"))
            assert output_line(fillers[0]) == "prepared"

    monkeypatch.setattr(prune, "remove_lock", remove_and_prepare)
    gc(root, dry_run=False)
    assert [path.is_dir() for path in root.glob("*/entries")] == [True]
    end(fillers[0])


@pytest.mark.parametrize("error", [FileNotFoundError, FileExistsError])
def test_a_lock_whose_folder_goes_while_it_is_made_is_tried_anew(tmp_path, monkeypatch, error):
    """`mkdir` says that a folder exists where `gc` removes it between its two looks."""
    errors, acquire = [error(), error()], FileLock.acquire

    def disturbed(lock, *arguments, **options):
        if errors:
            raise errors.pop()
        return acquire(lock, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", disturbed)
    with file_lock(tmp_path / "locks" / "x.lock", wait=True) as is_mine:
        assert is_mine
    assert not errors


def test_a_file_where_the_folder_of_a_lock_should_be_is_named(tmp_path):
    (tmp_path / "locks").write_text("")
    with pytest.raises(CacheError, match="locks"), file_lock(tmp_path / "locks" / "x.lock", wait=True):
        pass
