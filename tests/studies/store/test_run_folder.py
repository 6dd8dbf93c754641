import pytest

from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.study.file import StudyError, load_study


def test_a_file_that_cannot_be_written_is_named_and_nothing_half_written_stays(tmp_path):
    def half(file):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StudyError, match=r"results\.parquet cannot be written .*No space left"):
        RunFolder(path=tmp_path, study_text="").write(tmp_path / "results.parquet", half)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["- a list\n", "name: [", ""])
def test_a_folder_whose_study_file_is_none_is_refused_and_left_alone(tmp_path, content):
    (tmp_path / "study.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=r"study\.yaml is no study file"):
        RunFolder.claim(tmp_path, load_study(demo_study_file()))
    assert (tmp_path / "study.yaml").read_text(encoding="utf-8") == content
