"""`extract --shard i/n`: parts in any order, again, or in an array job make the cache of one process."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from unsinter.cache import Share
from unsinter.studies.cli.commands.extract import extract_verb, read_share
from unsinter.studies.study.file import StudyError

N_PROMPTS = 1100  # three blocks of 512 rows and fewer


def every_file(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "references" not in path.parts
    }


@pytest.fixture
def study(write_study):
    prompts = [
        {
            "id": f"p{n}", "prompt": f"{'pick a lock' if n % 2 else 'bake a cake'} number {n}",
            "harmful": bool(n % 2), "category": "c" if n % 2 else None, "source": "test", "group": f"g{n}",
        }
        for n in range(N_PROMPTS)
    ]  # fmt: skip
    return write_study(prompts=prompts, layers=[0, 1])


def extracted(study, shard=None):
    (table,), lines = extract_verb(study, overrides=[], progress=lambda *_: None, shard=shard)
    (row,) = table[2]
    return dict(zip(table[1], row, strict=True)), lines


def test_parts_in_any_order_and_one_of_them_twice_make_the_files_of_one_process(study, tmp_path, monkeypatch):
    monkeypatch.setenv("UNSINTER_CACHE", str(tmp_path / "whole"))
    whole, lines = extracted(study)
    assert (whole["rows computed"], lines) == (f"{N_PROMPTS:,}", [])
    monkeypatch.setenv("UNSINTER_CACHE", str(tmp_path / "parts"))
    outputs = [extracted(study, shard) for shard in ("3/3", "1/3", "1/3", "2/3")]
    assert [row["rows computed"] for row, _ in outputs] == ["76", "512", "0", "512"]
    assert [row["from cache"] for row, _ in outputs] == ["0", "76", "588", "588"]
    assert [line for _, (line,) in outputs] == [
        "tiny: shard 3/3 is stored; 1,024 rows of other shards are missing.",
        "tiny: shard 1/3 is stored; 512 rows of other shards are missing.",
        "tiny: shard 1/3 is stored; 512 rows of other shards are missing.",
        "tiny: shard 2/3 is stored; no row is missing.",
    ]
    assert every_file(tmp_path / "parts") == every_file(tmp_path / "whole")


@pytest.mark.slow
def test_the_array_script_of_the_docs_fills_the_cache(study, tmp_path, repository):
    page = (repository / "docs" / "many-machines.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    job = tmp_path / "extract.sbatch"
    job.write_text(script)
    (n_tasks,) = re.findall(r"--array=1-(\d+)", script)
    assert f"PARTS={n_tasks} " in script
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}  # noqa: PTH120
    environment |= {"UNSINTER_CACHE": str(tmp_path / "array"), "STUDY": str(study)}
    lines = []
    for task in (3, 1, 2, 8):  # 4 to 7 have no block of their own
        done = subprocess.run(
            [shutil.which("bash"), str(job)],
            # Of a task that is sent off again alone Slurm counts one.
            env=environment | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines.append(done.stdout.splitlines()[-1])
    assert lines[-1] == "tiny: shard 8/8 is stored; no row is missing."
    bare = {name: value for name, value in environment.items() if name != "UNSINTER_CACHE"}
    refused = subprocess.run([shutil.which("bash"), str(job)], env=bare, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "name a folder that all nodes see" in refused.stderr


@pytest.mark.parametrize("text", ["0/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "", "/", "1.0/3", "²/3"])
def test_what_is_no_part_is_refused_in_one_sentence(text):
    with pytest.raises(StudyError, match=r"--shard takes i/n, i from 1 to n, as in 3/8.*got") as caught:
        read_share(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["4/3", "3/1", "9" * 50 + "/1"])
def test_a_part_beyond_the_last_is_refused_with_what_slurm_may_have_counted(text):
    with pytest.raises(
        StudyError, match=r"there is no part \d+ of [13]; i/n takes i from 1 to n.*SLURM_ARRAY_TASK_COUNT"
    ) as caught:
        read_share(text)
    assert len(str(caught.value)) < 300


def test_a_part_is_what_its_text_says():
    assert read_share("3/8") == Share(number=3, n_shares=8)


def test_no_part_that_is_none_reaches_a_model(study, refused):
    refused("extract", study, "--shard", "9/8", parts=("there is no part 9 of 8", "i from 1 to n"))
