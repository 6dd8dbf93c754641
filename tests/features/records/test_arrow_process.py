"""Files that would end the library that reads them end another process, and are refused like any other."""

import os
import signal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aborting_file import ABORTS

from unsinter.features.records import arrow_process
from unsinter.features.records.arrow_process import parquet_batches, parquet_facts
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import RecordError
from unsinter.features.records.rows import read_rows

RECORDS = {"id": ["a", "b"], "prompt": ["How do I bake bread?", "How do I bake a cake?"]}


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.parquet"
    pq.write_table(pa.table({**RECORDS, "harmful": [True, False]}), path)
    return path


@pytest.fixture
def large(tmp_path):
    """More rows than are sent at once."""
    path = tmp_path / "large.parquet"
    n = 5000
    pq.write_table(
        pa.table({"id": list(map(str, range(n))), "prompt": [f"text {i}" for i in range(n)]}), path
    )
    return path


def test_a_file_that_ends_the_library_is_one_sentence_and_the_next_file_is_read(tmp_path, sound):
    path = tmp_path / "aborts.parquet"
    path.write_bytes(ABORTS)
    for _ in range(2):
        with pytest.raises(RecordError, match=r"aborts\.parquet: is not a readable Parquet file") as error:
            read_rows(path)
        assert "\n" not in str(error.value)
        assert "ended by it" not in str(error.value) or "SIGABRT" in str(error.value)
        assert [record.id for record in read_prompts(sound)] == ["a", "b"]


def test_a_fork_that_was_killed_between_two_files_costs_neither(tmp_path, sound):
    path = tmp_path / "aborts.parquet"
    path.write_bytes(ABORTS)
    parquet_facts(sound, most=10**6)
    for worker in arrow_process._idle:
        for fork in children(worker.process.pid):
            os.kill(fork, signal.SIGKILL)
    assert parquet_facts(sound, most=10**6)[0]["n_rows"] == 2
    with pytest.raises(RecordError, match="is not a readable Parquet file"):
        read_rows(path)
    assert parquet_facts(sound, most=10**6)[0]["n_rows"] == 2


def children(process):
    path = f"/proc/{process}/task/{process}/children"
    if not os.path.exists(path):  # noqa: PTH110
        pytest.skip("processes are told by /proc")
    with open(path) as file:  # noqa: PTH123
        return list(map(int, file.read().split()))


def test_a_page_that_says_it_unpacks_to_two_gigabytes_is_refused_without_taking_them(tmp_path):
    path = tmp_path / "lies.parquet"
    pq.write_table(pa.table({"id": ["a" * 500, "b" * 500]}), path, use_dictionary=False, compression="snappy")
    raw = bytearray(path.read_bytes())
    # A page's header in Thrift's compact form: its type, and its size unpacked (here in two bytes).
    assert raw[4:7] == b"\x15\x00\x15"
    assert raw[7] & 0x80
    assert not raw[8] & 0x80
    assert raw[9] == 0x15
    grown = raw[:7] + b"\xfe\xff\xff\xff\x0f" + raw[9:]
    grown[13] -= 6  # three bytes less of data, so that all that follows stays where it was
    footer = int.from_bytes(raw[-8:-4], "little") + 8
    path.write_bytes(grown[: len(grown) - footer - 3] + raw[-footer:])
    with pytest.raises(RecordError, match="unpacks to more than"):
        read_rows(path)


def test_a_reader_that_stops_early_leaves_the_process_free(large):
    facts, rows = parquet_facts(large, most=10**9)
    assert rows is None
    for _ in range(3):
        batch, size = next(iter(parquet_batches(large, facts, most=10**9)))
        assert size > 0
        assert batch["id"][0].as_py() == "0"
    assert sum(len(batch) for batch, _ in parquet_batches(large, facts, most=10**9)) == 5000


def test_two_readers_at_once_do_not_mix_their_rows(large):
    one, other = read_rows(large), read_rows(large)
    pairs = list(zip(one.rows, other.rows, strict=True))
    assert len(pairs) == 5000
    assert all(left.values == right.values for left, right in pairs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_opens_files_in_a_process_of_its_own(sound):
    assert parquet_facts(sound, most=10**6)[0]["n_rows"] == 2
    child = os.fork()
    if child == 0:
        is_read = parquet_facts(sound, most=10**6)[0]["n_rows"] == 2
        arrow_process._stop_idle()
        os._exit(0 if is_read else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert parquet_facts(sound, most=10**6)[0]["n_rows"] == 2


def test_a_saved_dataset_whose_offsets_lead_out_of_its_texts_is_refused(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict(RECORDS).save_to_disk(tmp_path / "saved")
    assert [row.values["id"] for row in read_rows(tmp_path / "saved").rows] == ["a", "b"]
    (file,) = (tmp_path / "saved").glob("*.arrow")
    raw = file.read_bytes()
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 1, 2))
    assert raw.count(offsets) == 1
    file.write_bytes(raw.replace(offsets, offsets[:4] + (2**31 - 1).to_bytes(4, "little") + offsets[8:]))
    with pytest.raises(RecordError, match="is a damaged dataset folder"):
        read_rows(tmp_path / "saved")
