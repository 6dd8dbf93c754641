"""Files that a verb puts into a finished run: it stays finished, or is gone on with, whatever happens."""

import shutil

import pytest

from unsinter.studies.store.additions import add_to_finished
from unsinter.studies.store.ownership import sound_inventory
from unsinter.studies.store.run_folder import RunFolder


@pytest.fixture
def folder(shown_run, tmp_path):
    run = shutil.copytree(shown_run, tmp_path / "run")
    return RunFolder(path=run, study_text=(run / "study.yaml").read_text(encoding="utf-8"))


class FullDiskError(OSError):
    pass


def test_a_verb_that_fails_leaves_the_run_as_finished_as_it_was(folder):
    before = sound_inventory(folder.path)

    def write():
        (folder.path / "more.txt").write_text("half")
        raise FullDiskError

    with pytest.raises(FullDiskError):
        add_to_finished(folder, write)
    assert sound_inventory(folder.path) == before


def test_a_verb_that_fails_behind_a_changed_file_leaves_a_run_to_be_gone_on_with(folder):
    def write():
        (folder.path / "results.parquet").write_bytes(b"half")
        raise FullDiskError

    with pytest.raises(FullDiskError):
        add_to_finished(folder, write)
    assert sound_inventory(folder.path) is None


def test_what_a_verb_adds_is_sealed(folder):
    add_to_finished(folder, lambda: (folder.path / "causal.parquet").write_bytes(b"whole"))
    assert "causal.parquet" in sound_inventory(folder.path).files
