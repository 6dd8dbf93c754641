import pytest

from unsinter.studies.config import StudyError
from unsinter.studies.run_folder import RunFolder


def test_a_file_that_cannot_be_written_is_named_and_nothing_half_written_stays(tmp_path):
    def half(file):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StudyError, match=r"results\.parquet cannot be written .*No space left"):
        RunFolder(path=tmp_path).write(tmp_path / "results.parquet", half)
    assert list(tmp_path.iterdir()) == []
