"""The digest of weights is noted beside the cache, used while the files are the same, and never otherwise."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from kill_at_events import leave_unfinished
from safetensors.torch import load_file, save_file

from unsinter.features.model import model as loading
from unsinter.features.model.digest_notes import noted_digest
from unsinter.features.model.identity import weights_digest
from unsinter.features.model.model import load_model


@pytest.fixture
def folder(zoo, tmp_path):
    return aged(shutil.copytree(zoo.folder("llama"), tmp_path / "model"))


def aged(folder):
    """Wait until the times of files tell: the time of their last change of any kind cannot be set."""
    time.sleep(max(0.0, 2.1 - (time.time() - max(path.stat().st_ctime for path in folder.iterdir()))))
    return folder


@pytest.fixture
def digested(monkeypatch):
    """What was digested tensor by tensor."""
    calls = []

    def counted(model, **named):
        calls.append(model)
        return weights_digest(model, **named)

    monkeypatch.setattr(loading, "weights_digest", counted)
    return calls


def load(folder, cache, **named):
    return load_model(folder, **{"dtype": "float32", **named}, notes=cache).identity["weights"]


def notes(cache):
    return sorted((cache / "weights").glob("*.json"))


def test_it_is_computed_once_per_set_of_files(folder, tmp_path, digested):
    first, again = (load(folder, tmp_path / "cache") for _ in range(2))
    assert first == again == load_model(folder, dtype="float32").identity["weights"]
    assert len(digested) == 2  # the first, and the one without a cache
    assert len(notes(tmp_path / "cache")) == 1


def test_what_a_killed_process_left_of_a_note_goes_with_the_next_one_written(folder, tmp_path):
    load(folder, tmp_path)
    (note,) = notes(tmp_path)
    note.unlink()
    leave_unfinished(note)
    load(folder, tmp_path)
    assert [path.name for path in note.parent.iterdir()] == [note.name]


def test_another_number_format_has_another_note(folder, tmp_path, digested):
    assert load(folder, tmp_path) != load(folder, tmp_path, dtype="bfloat16")
    assert len(digested) == len(notes(tmp_path)) == 2


def test_weights_of_the_same_size_and_time_are_told_apart(folder, tmp_path, digested):
    before = load(folder, tmp_path / "cache")
    file = folder / "model.safetensors"
    was = file.stat()
    weights = load_file(file)
    weights["model.layers.2.mlp.down_proj.weight"][0, 0] += 1
    save_file(weights, folder / "other", metadata={"format": "pt"})
    with file.open("r+b") as open_file:  # the same inode too
        open_file.write((folder / "other").read_bytes())
    (folder / "other").unlink()
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    now = file.stat()
    assert (was.st_size, was.st_mtime_ns, was.st_ino) == (now.st_size, now.st_mtime_ns, now.st_ino)
    assert load(aged(folder), tmp_path / "cache") != before
    assert len(digested) == 2


def test_a_file_replaced_by_its_copy_is_digested_again(folder, tmp_path, digested):
    before = load(folder, tmp_path / "cache")
    shutil.copy2(folder / "model.safetensors", folder / "copy")
    (folder / "copy").replace(folder / "model.safetensors")
    assert load(aged(folder), tmp_path / "cache") == before
    assert len(digested) == 2


def test_files_that_changed_just_now_are_not_noted(zoo, tmp_path):
    fresh = shutil.copytree(zoo.folder("llama"), tmp_path / "fresh")
    load(fresh, tmp_path / "cache")
    assert notes(tmp_path / "cache") == []


ABOUT = {"files": {"model": [["model.safetensors", 4, 0, 0, 7]]}, "loaded": {"dtype": "auto"}}


def noted(cache, computed):
    return noted_digest(cache, lambda: ABOUT, ABOUT, lambda: computed)


def test_every_flipped_bit_of_a_note_is_noticed_and_the_note_made_anew(tmp_path):
    assert noted(tmp_path, "a" * 64) == noted(tmp_path, "b" * 64) == "a" * 64
    [path] = notes(tmp_path)
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), 3):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert noted(tmp_path, "c" * 64) == "c" * 64, place
    assert noted(tmp_path, "d" * 64) == "c" * 64


def test_a_note_of_other_files_under_its_name_is_not_used(tmp_path):
    noted(tmp_path, "a" * 64)
    [path] = notes(tmp_path)
    other = {"files": {"model": [["model.safetensors", 5, 0, 0, 7]]}, "loaded": {"dtype": "auto"}}
    noted_digest(tmp_path, lambda: other, other, lambda: "b" * 64)
    [foreign] = set(notes(tmp_path)) - {path}
    shutil.copy(foreign, path)
    assert noted(tmp_path, "c" * 64) == "c" * 64


def test_files_that_change_while_they_are_read_leave_no_note(tmp_path):
    states = iter([ABOUT, {**ABOUT, "loaded": {"dtype": "float32"}}])
    assert noted_digest(tmp_path, lambda: next(states), ABOUT, lambda: "a" * 64) == "a" * 64
    assert notes(tmp_path) == []


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path):
    (tmp_path / "weights").write_text("a file where the folder would be")
    assert noted(tmp_path, "a" * 64) == "a" * 64


@pytest.mark.slow
def test_processes_at_once_leave_one_whole_note(folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from unsinter.features.model.model import load_model; "
        "print(load_model(sys.argv[1], dtype='float32', notes=Path(sys.argv[2])).identity['weights'])"
    )
    command = [sys.executable, "-c", code, str(folder), str(tmp_path / "cache")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate(timeout=300)[0].strip() for process in started}
    assert len(printed) == 1
    [path] = notes(tmp_path / "cache")
    assert json.loads(path.read_text())["weights"] == printed.pop()
    assert [p for p in path.parent.iterdir() if p != path] == []
