"""The command line as a person meets it: a real process, its exit code, and what it prints."""

import errno
import json
import os
import subprocess
import sys

import pytest
import typer

from unsinter.studies.cli.terminal import one_line_errors

GOOD = [{"id": f"p{i}", "prompt": f"question number {i} about {word}", "harmful": bool(i % 2)}
        for i, word in enumerate(["locks", "paint", "boats", "birds"])]  # fmt: skip


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


VERBS = [
    ("run",),
    ("check",),
    ("label",),
    ("extract",),
    ("transfer",),
    ("separate",),
    ("export",),
    ("score",),
    ("doctor",),
    ("cache", "ls"),
    ("cache", "verify"),
    ("cache", "gc"),
]


def test_every_verb_explains_itself():
    code = (
        "from typer.testing import CliRunner; from unsinter.studies.cli import app\n"
        f"for verb in {VERBS!r}:\n"
        "    done = CliRunner().invoke(app, [*verb, '--help'])\n"
        "    assert done.exit_code == 0 and len(done.output) > 100, verb\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=300, check=False).returncode == 0


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([b'{"id": "a", "harmful": true}'], ("row 1", "prompt")),
        ([b'{"id": "a", "prompt": "x y"}', b'{"id": "a", "prompt": "z"}'], ("row 2", "id", "'a'")),
        ([b""], ("data.jsonl",)),
        ([b'{"id": "a", "prompt": "' + b"x" * 2_000_000 + b'"}'], ("row 1", "1,000,000 bytes")),
        ([b'{"id": "a", "prompt": "x"}', b'{"id": "b", "prompt": "\xff\xfe"}'], ("row 2", "UTF-8")),
        ([b'{"id": "a", "prompt": "x", "harmful": "maybe"}'], ("row 1", "harmful", "maybe")),
        ([b'{"id": "a", "prompt"'], ("row 1",)),
    ],
)
def test_bad_records_are_one_line_with_file_row_and_field(tmp_path, refused, lines, parts):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    refused("check", path, parts=("data.jsonl", *parts))


def test_an_unknown_column_is_named_with_its_neighbour(tmp_path, refused):
    path = write_jsonl(tmp_path / "data.jsonl", [row | {"topic_name": "x"} for row in GOOD])
    refused("check", path, "--columns", "category=topic_nam", parts=("topic_nam", "topic_name"))


def test_a_misspelt_field_of_ours_is_named_with_its_neighbour(tmp_path, refused):
    path = write_jsonl(tmp_path / "data.jsonl", GOOD)
    refused("check", path, "--columns", "promt=text", parts=("'promt'", "did you mean 'prompt'"))


def test_check_counts_good_records(tmp_path, unsinter):
    done = unsinter("check", write_jsonl(tmp_path / "data.jsonl", GOOD))
    assert done.returncode == 0, done.stderr
    assert "Which questions these data can answer" in done.stdout


def test_a_missing_file_is_one_line(tmp_path, refused):
    refused("check", tmp_path / "absent.jsonl", parts=("absent.jsonl",))
    refused("run", tmp_path / "absent.yaml", parts=("absent.yaml",))


def test_run_wants_a_study_or_the_demo(refused):
    refused("run", parts=("--demo", "--real"))
    refused("run", "--demo", "--real", parts=("one of the three",))


def test_an_empty_cache_is_listed_and_sound(tmp_path, unsinter):
    empty = {"UNSINTER_CACHE": str(tmp_path / "none")}
    listed = unsinter("cache", "ls", **empty)
    assert listed.returncode == 0
    assert "0 models" in listed.stdout
    assert unsinter("cache", "verify", **empty).returncode == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EEXIST])
def test_a_full_disk_or_a_read_only_one_is_one_line(capsys, code):
    @one_line_errors
    def verb():
        raise OSError(code, os.strerror(code), "runs/mine")

    with pytest.raises(typer.Exit) as stopped:
        verb()
    assert stopped.value.exit_code == 2
    assert "runs/mine" in capsys.readouterr().err
