"""Two runs of one study leave the same bytes, times aside: every file of the run folder, hashed."""

import hashlib
import json
import re

import pytest

TIMED = re.compile(
    rb'("(?:seconds|time|datetime_start|datetime_complete|tokens_per_second|generation_seconds|date)": ?)'
    rb'(?:[-+0-9.e]+|"[^"]*")'
)
"""Where a file says when something happened or how long it took."""


def without_times(path):
    """Return the bytes of a file with each time replaced by a word."""
    return TIMED.sub(rb"\1TIME", path.read_bytes())


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(without_times(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def hash_of(folder):
    """Return one digest of a whole folder: names and bytes."""
    return hashlib.sha256(json.dumps(digests(folder), sort_keys=True).encode()).hexdigest()


@pytest.mark.slow
def test_two_runs_of_one_study_leave_folders_of_one_hash(write_study, unsinter, tmp_path):
    study = write_study(
        responses={"max_new_tokens": 12},
        targets=["D", "C", "R"],
        separation={"pairs": ["D-R"]},
        controls={"permutations": 20},
        tuning={"trials": 3},
    )
    folders = []
    # Hashes of texts are drawn anew in each process, and so would be the order of a set.
    for number in ("1", "2"):
        folder = tmp_path / f"run{number}"
        done = unsinter(
            "run", study, "--out", folder,
            UNSINTER_CACHE=str(tmp_path / f"cache{number}"), PYTHONHASHSEED=number, OMP_NUM_THREADS="1",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        folders.append(folder)
    first, second = map(digests, folders)
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == set()
    assert hash_of(folders[0]) == hash_of(folders[1])
    assert any(name.startswith("weights/") for name in first)


def test_a_time_is_all_that_is_left_out(tmp_path):
    file = tmp_path / "summary.json"
    file.write_text('{"seconds": 1.5, "auroc": 0.9}')
    before = without_times(file)
    file.write_text('{"seconds": 2.75, "auroc": 0.9}')
    assert without_times(file) == before
    file.write_text('{"seconds": 2.75, "auroc": 0.8}')
    assert without_times(file) != before
