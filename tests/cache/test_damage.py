"""Whatever happens to a file: one clear error that names it and says what to do, and no other row lost."""

import errno
import os
import shutil
import subprocess
import traceback
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
    source,
)
from size_limit import limit_file_size

from unsinter.cache import ActivationStore, CacheError, verify
from unsinter.cache.manifest import Folder

ROWS = row_keys(20)


def rows_of(store: ActivationStore, shard: Path) -> list[str]:
    """The rows that the index lists for a shard."""
    return list(Folder(store.path).load()[shard.name].plan.rows)


def flip(path: Path, place: int) -> None:
    """Change one bit of a file, in place and without changing its times."""
    times = path.stat()
    place %= times.st_size
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def read_everything(store: ActivationStore, rows: list[str]) -> None:
    """Read every layer at every position."""
    for layer in LAYERS:
        for position in POSITIONS:
            store.read(layer, position, rows)


def assert_refused(store: ActivationStore, path: Path, *, match: str) -> None:
    """Reading a row of the shard names its file; rows of the other shards read as ever."""
    lost = rows_of(store, path)
    with pytest.raises(CacheError, match=match) as caught:
        read_everything(store, lost)
    message = str(caught.value)
    assert str(path) in message
    assert "unsinter cache verify" in message
    assert "\n" not in message
    assert_holds(store, [row for row in ROWS if row not in lost])


def assert_repaired(store: ActivationStore, damaged: list[Path]) -> None:
    """Quarantine moves exactly the damaged files, a rerun computes exactly their rows, all is as before."""
    lost = {path.name: rows_of(store, path) for path in damaged}
    report = verify(store.path.parent, quarantine=True)
    assert sorted(path.name for path in report.moved) == sorted(lost)
    assert all(path.parent == store.path / "quarantine" and path.exists() for path in report.moved)
    producer = Producer()
    fill(ActivationStore.open(store.path.parent, IDENTITY), ROWS, produce=producer)
    computed = [row for rows, _, _ in producer.calls for row in rows]
    assert sorted(computed) == sorted(row for rows in lost.values() for row in rows)
    assert verify(store.path.parent).findings == ()
    assert_holds(store, ROWS)


@pytest.mark.parametrize(
    "where", ["payload start", "payload end", "header length", "header", "every 97th byte"]
)
def test_a_flipped_byte_is_never_read_and_verify_finds_it(filled, where):
    path = shard_files(filled.path)[1]
    size = path.stat().st_size
    start = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    places = {
        "payload start": [start],
        "payload end": [size - 1],
        "header length": [1],
        "header": [start // 2],
        "every 97th byte": range(0, size, 97),
    }[where]
    read_everything(filled, ROWS)  # what was found sound is remembered: a later flip must still be seen
    for place in places:
        flip(path, place)
        if place < start:
            filled = ActivationStore.open(filled.path.parent, IDENTITY)
        assert_refused(filled, path, match="not the bytes|header|belongs to another|bytes where")
        report = verify(filled.path.parent)
        assert [finding.path for finding in report.findings] == [path]
        assert not report.is_sound
        flip(path, place)
    assert_holds(filled, ROWS)
    flip(path, places[0])
    assert_repaired(filled, [path])


@pytest.mark.parametrize("n_bytes", [0, 5, 100, -1])
def test_a_truncated_shard_is_refused_by_name(filled, n_bytes):
    path = shard_files(filled.path)[0]
    os.truncate(path, n_bytes if n_bytes >= 0 else path.stat().st_size - 1)
    assert_refused(filled, path, match=r"cut off|bytes where its header says")
    with pytest.raises(CacheError, match=f"{path.name}.*bytes where the index says"):
        fill(filled, ROWS)
    assert_repaired(filled, [path])


def test_a_longer_shard_is_refused_by_name(filled):
    path = shard_files(filled.path)[0]
    with path.open("ab") as file:
        file.write(b"more")
    assert_refused(filled, path, match="bytes where its header says")
    assert_repaired(filled, [path])


def test_a_shard_of_another_model_is_refused_by_name(filled, tmp_path):
    other = ActivationStore.open(tmp_path / "cache", {**IDENTITY, "weights": "other"})
    fill(other, ROWS)
    mine, theirs = shard_files(filled.path)[0], shard_files(other.path)[0]
    shutil.copy(theirs, mine)
    assert_refused(filled, mine, match="belongs to another model")
    assert [finding.kind for finding in verify(tmp_path / "cache").findings] == ["foreign"]
    assert_repaired(filled, [mine])


def test_a_shard_of_another_model_beside_ours_is_never_listed_and_verify_moves_it(filled, tmp_path):
    other = ActivationStore.open(tmp_path / "cache", {**IDENTITY, "weights": "other"})
    fill(other, ROWS)
    stray = Path(shutil.copy(shard_files(other.path)[0], filled.path / "shards"))
    fill(filled, ROWS)
    assert_holds(filled, ROWS)
    (finding,) = verify(tmp_path / "cache").findings
    assert (finding.kind, finding.path) == ("foreign", stray)
    assert verify(tmp_path / "cache", quarantine=True).moved == (filled.path / "quarantine" / stray.name,)
    assert verify(tmp_path / "cache").findings == ()


def test_one_of_our_shards_under_the_name_of_another_is_refused(filled):
    first, second, _ = shard_files(filled.path)
    shutil.copy(first, second)
    assert_refused(filled, second, match="header|bytes where")
    assert_repaired(filled, [second])


def test_a_shard_that_is_gone_is_named_and_only_its_rows_are_recomputed(filled):
    path = shard_files(filled.path)[2]
    path.unlink()
    assert_refused(filled, path, match="listed in the index and is gone")
    with pytest.raises(CacheError, match=f"{path.name}.*is gone"):
        fill(filled, ROWS)
    lost = rows_of(filled, path)
    assert verify(filled.path.parent, quarantine=True).moved == ()
    producer = Producer()
    fill(filled, ROWS, produce=producer)
    assert [list(rows) for rows, _, _ in producer.calls] == [lost]


@pytest.mark.parametrize("index", ["missing", "empty", "flipped", "another folder's", "not JSON"])
def test_an_index_that_is_missing_or_damaged_is_rebuilt_and_no_row_is_lost(filled, tmp_path, index):
    path = filled.path / "index.bin"
    before = path.read_bytes()
    other = ActivationStore.open(tmp_path / "cache", {**IDENTITY, "dtype": "float16"})
    fill(other, ROWS)
    if index == "missing":
        path.unlink()
    elif index == "flipped":
        flip(path, len(before) // 2)
    else:
        theirs = (other.path / path.name).read_bytes()
        content = {"empty": b"", "not JSON": b"\x00\xff", "another folder's": theirs}
        path.write_bytes(content[index])
    store = ActivationStore.open(tmp_path / "cache", IDENTITY)
    for action in (lambda: store.read(0, "template_end", ROWS), lambda: fill(store, ROWS)):
        with pytest.raises(CacheError, match=f"{path}.*verify --rebuild.*no row is lost"):
            action()
    assert verify(tmp_path / "cache").findings[0].kind == "index"
    verify(tmp_path / "cache", rebuild=True)
    assert path.read_bytes() == before
    assert verify(tmp_path / "cache").findings == ()
    producer = Producer()
    fill(store, ROWS, produce=producer)
    assert producer.calls == []
    assert_holds(store, ROWS)


def test_a_damaged_identity_file_is_named_and_written_anew(filled):
    path = filled.path / "identity.json"
    flip(path, 30)
    with pytest.raises(CacheError, match=f"{path}.*move it away"):
        ActivationStore.open(filled.path.parent, IDENTITY)
    assert verify(filled.path.parent).findings[0].kind == "identity"
    path.unlink()
    store = ActivationStore.open(filled.path.parent, IDENTITY)
    fill(store, row_keys(30))
    assert verify(filled.path.parent).findings == ()
    assert_holds(store, row_keys(30))


def test_verify_changes_nothing_unless_asked(filled):
    flip(shard_files(filled.path)[0], -1)
    before = every_file(filled.path)
    assert not verify(filled.path.parent).is_sound
    assert every_file(filled.path) == before


def test_a_second_damaged_copy_does_not_replace_the_first_in_quarantine(filled):
    path = shard_files(filled.path)[0]
    for _ in range(2):
        flip(path, -1)
        verify(filled.path.parent, quarantine=True)
        fill(filled, ROWS)
    assert len(list((filled.path / "quarantine").iterdir())) == 2


def in_child(action) -> None:
    """Run action in a forked process and fail here if it raised there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        report = file.read().decode()
    os.waitpid(child, 0)
    assert report == "", report


def refuse_to_write(root: Path) -> None:
    """A read-only store reads all it has, needs no write when nothing is missing, and refuses the rest."""
    store = ActivationStore.open(root, IDENTITY)
    assert_holds(store, ROWS)
    assert fill(store, ROWS).shards_computed == 0
    with pytest.raises(CacheError, match=f"{root}.*cannot be written.*UNSINTER_CACHE.*stay readable"):
        fill(store, row_keys(24))
    with pytest.raises(CacheError, match=f"{root}.*cannot be written"):
        fill(ActivationStore.open(root, {"weights": "new"}), ROWS)
    assert verify(root).is_sound
    assert_holds(store, ROWS)


def test_a_folder_without_write_permission_is_read_and_refused_by_name(filled, tmp_path):
    root = tmp_path / "cache"
    for folder in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    for file in root.rglob("*.*"):
        if file.is_file():
            file.chmod(0o444)

    def as_nobody() -> None:
        if os.geteuid() == 0:  # to whom permissions mean nothing
            os.setegid(65534)
            os.seteuid(65534)
        refuse_to_write(root)

    try:
        in_child(as_nobody)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def mounted(folder: Path, options: str) -> bool:
    """Mount an empty memory file system, where the system lets us."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 160 KiB."""
    folder = tmp_path / "disk"
    if not mounted(folder, "size=160k"):
        pytest.skip("no right to mount a small tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_file_system_is_read_and_refused_by_name(small_disk):
    fill(ActivationStore.open(small_disk, IDENTITY), ROWS)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refuse_to_write(small_disk)


def test_a_full_disk_is_refused_by_name_and_a_rerun_goes_on_from_there(small_disk):
    rows = row_keys(400)
    store = ActivationStore.open(small_disk, IDENTITY)
    with pytest.raises(CacheError, match=f"{small_disk}.*no space left.*bytes free.*shards are kept"):
        fill(store, rows)
    kept = [row for entry in Folder(store.path).load().values() for row in entry.plan.rows]
    assert 0 < len(kept) < 400
    assert not list(small_disk.rglob("*.tmp"))
    assert_holds(store, kept)
    assert verify(small_disk).is_sound
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    report = fill(store, rows)
    assert report.rows_computed + 8 * report.shards_adopted == 400 - len(kept)
    assert report.shards_adopted <= 1  # the one that was stored when its index entry found no space
    assert_holds(store, rows)


def test_a_file_over_the_size_limit_is_refused_by_name(tmp_path):
    def limited() -> None:
        limit_file_size(20_000)
        store = ActivationStore.open(tmp_path, IDENTITY)
        fill(store, ROWS)
        with pytest.raises(CacheError, match=f"{store.path}.*size limit"):
            fill(store, row_keys(300), rows_per_shard=280)
        assert not list(tmp_path.rglob("*.tmp"))
        assert_holds(store, ROWS)

    in_child(limited)


def test_a_disk_that_fills_up_during_the_index_update_loses_nothing(filled, monkeypatch):
    real_write, entries = os.write, filled.path / "entries"

    def full_for_the_index(descriptor, data):
        if "entries" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", full_for_the_index)
    with pytest.raises(CacheError, match=f"{entries}/.*: no space left"):
        fill(filled, row_keys(24))
    monkeypatch.undo()
    report = fill(filled, row_keys(24))
    assert (report.shards_adopted, report.shards_computed) == (1, 0)
    assert_holds(filled, row_keys(24))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_value_that_is_no_number_is_refused_with_its_place(tmp_path, dtype, value):
    def produce(rows, layers, positions):
        values = Producer(dtype=dtype)(rows, layers, positions)
        bits = np.float32(value).view(np.uint32) >> 16
        values[5][3, 1, 7] = bits if dtype == "bfloat16" else value
        return values

    store = ActivationStore.open(tmp_path, {**IDENTITY, "dtype": dtype})
    with pytest.raises(CacheError, match=rf"Layer 5 of row {ROWS[3]} at template_end is NaN.*dimension 7"):
        store.fill(ROWS[:8], layers=LAYERS, positions=POSITIONS, produce=produce, dtype=dtype)
    assert shard_files(tmp_path) == []


def test_the_largest_bfloat16_is_no_overflow_and_is_stored(tmp_path):
    largest = 0x7F7F  # 3.4e38: float16 would make it infinite
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(
        store,
        ROWS,
        layers=[0],
        produce=lambda rows, layers, positions: {
            0: np.full((len(rows), len(positions), 4), largest, np.uint16)
        },
    )
    assert store.read(0, "template_end", ROWS).max() == np.float32(3.3895313892515355e38)
    assert source(ROWS, 0, "template_end").shape == (20, 24)
