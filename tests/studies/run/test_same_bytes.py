"""Two runs of one study leave the same bytes, times aside: every file of the run folder, hashed."""

import pytest
from run_hash import digests, hash_of, without_times

from unsinter.cache.inventory import INVENTORY, Inventory


@pytest.mark.slow
def test_two_runs_of_one_study_leave_folders_of_one_hash(write_study, unsinter, tmp_path):
    study = write_study(
        responses={"max_new_tokens": 12},
        whole=True,
        targets=["D", "C", "R"],
        layers=[1, 2],
        controls={"permutations": 20},
        tuning={"trials": 3},
    )
    folders = []
    # Hashes of texts are drawn anew in each process, and so would be the order of a set.
    for number in ("1", "2"):
        folder = tmp_path / f"place{number}" / "run"  # the report says how its folder is called
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


def test_an_inventory_is_compared_but_for_the_files_that_hold_times(tmp_path):
    def inventory(**changes):
        for name in ("log.jsonl", "results.parquet"):
            (tmp_path / name).write_text(changes.get(name.partition(".")[0], "as it was"))
        Inventory.of(tmp_path, ["log.jsonl", "results.parquet"]).write()
        return without_times(tmp_path / INVENTORY)

    assert inventory() == inventory(log="it took longer")
    assert inventory() != inventory(results="as it is")
