"""Files of a run folder that anyone may have written, and sealed again."""

import os

import pandas as pd
import pytest
from aborting_file import ABORTS

from unsinter.cache.inventory import INVENTORY, DamagedFileError, Inventory, files_below
from unsinter.features.records.arrow_process import UnreadableError, check_parquet_file
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.tables.read import RunReader


class RunError(ValueError):
    """What a reader of these tests raises."""


@pytest.fixture
def run(tmp_path):
    """A folder with the least that a reader of tables opens."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "summary.json").write_text('{"schema_version": 4, "models": {}}', encoding="utf-8")
    (folder / "study.yaml").write_text("name: x\n", encoding="utf-8")
    pd.DataFrame({"id": ["a", "b"], "held_out": [True, False]}).to_parquet(folder / "split.parquet")
    seal(folder)
    return folder


def seal(folder):
    (folder / INVENTORY).unlink(missing_ok=True)
    Inventory.of(folder, files_below(folder)).write()


def read_both(folder):
    reader = RunReader.open(folder, error=RunError)
    return reader.summary(), reader.table("split")


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_table_that_would_end_the_library_is_one_sentence_also_under_a_good_seal(run, is_sealed):
    (run / "split.parquet").write_bytes(ABORTS)
    if is_sealed:
        seal(run)
    else:
        (run / INVENTORY).unlink()
        (run / "summary.json").write_text('{"schema_version": 3, "models": {}}', encoding="utf-8")
    with pytest.raises(RunError, match=r"split\.parquet cannot be read \(.*\); run the study again") as error:
        RunReader.open(run, error=RunError).table("split")
    assert "\n" not in str(error.value)


def test_a_step_that_would_end_the_library_is_set_aside_and_made_anew(tmp_path):
    store = StepStore(folder=tmp_path / "run" / "steps")
    step = store.keep("tiny-D", "0" * 64, tables={"results": pd.DataFrame({"x": [1]})}, facts={})
    assert store.find("tiny-D", "0" * 64) is not None
    (step.folder / "results.parquet").write_bytes(ABORTS)
    seal(step.folder)
    assert store.find("tiny-D", "0" * 64) is None
    assert not step.folder.exists()
    assert list((tmp_path / "run" / "damaged").rglob("results.parquet"))


def test_a_table_that_unpacks_to_more_than_it_may_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"x": ["a" * 10_000] * 2_000}).to_parquet(path)
    check_parquet_file(path, most=30_000_000)
    with pytest.raises(UnreadableError) as error:
        check_parquet_file(path, most=10_000_000)
    assert error.value.is_too_large


@pytest.mark.parametrize("name", ["split.parquet", "summary.json", INVENTORY])
def test_a_pipe_or_a_device_in_the_place_of_a_file_is_named_and_never_waited_for(run, name):
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (run / name).unlink()
        make(run / name)
        with pytest.raises(RunError, match=rf"{name}.* cannot be read .*no file but a folder, a pipe"):
            read_both(run)


def test_a_file_that_has_grown_is_not_read_to_its_end(run):
    inventory = Inventory.read(run)
    with (run / "split.parquet").open("ab") as file:
        file.truncate(10**12)  # a hole, which takes no room on the disk
    with pytest.raises(DamagedFileError, match="its bytes are not those"):
        inventory.read_bytes("split.parquet")
