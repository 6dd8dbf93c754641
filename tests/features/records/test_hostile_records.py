"""Small files that would hang a reader or fill its memory: one line each, soon."""

import json
import resource
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.records.readers import read_prompts, read_responses
from unsinter.features.records.record import RecordError

ROW = '{"id": "1", "prompt": "x", '

LINES = {
    "many names and one twice": (
        ROW + ",".join(f'"k{i}": 1' for i in range(40_000)) + ', "k0": 2}',
        "'k0' twice",
    ),
    "very many names": (ROW + ",".join(f'"k{i}": 1' for i in range(40_000)) + "}", "40,002 fields"),
    "deep lists": (ROW + '"e": ' + "[" * 400_000 + "]" * 400_000 + "}", "nested too deeply"),
    "deep objects": (ROW + '"e": ' + '{"a": ' * 100_000 + "1" + "}" * 100_000 + "}", "nested too deeply"),
    "depth behind quotes": (
        ROW + '"e": "' + '\\"[' * 1000 + '", "f": ' + "[" * 70 + "]" * 70 + "}",
        "nested",
    ),
    "digits": (ROW + '"e": ' + "9" * 5000 + "}", "thousands of digits"),
    "surrogate": (ROW + '"e": ["\\ud800"]}', "half of a surrogate pair"),
    "surrogate in a name": (ROW + '"e\\udfff": 1}', "half of a surrogate pair"),
    "nan": (ROW + '"e": NaN}', "not JSON"),
}


def within(seconds, megabytes, call):
    """Run a call that must fail and return its message; what it may take is for a busy machine."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(RecordError) as error:
        call()
    assert time.process_time() - begun < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < megabytes * 1000
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
    return str(error.value)


@pytest.mark.parametrize("kind", list(LINES))
def test_a_line_that_is_no_record_is_refused_soon(tmp_path, kind):
    line, match = LINES[kind]
    path = tmp_path / "a.jsonl"
    path.write_text(line)
    message = within(2, 200, lambda: read_prompts(path))
    assert match in message
    assert "a.jsonl, row 1" in message


def test_brackets_inside_quotes_are_no_nesting(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "1", "prompt": "[" * 5000, "e": '\\"' * 100 + "{" * 100}))
    [record] = read_prompts(path)
    assert record.prompt == "[" * 5000


def test_json_may_be_nested_as_deep_as_said_and_no_deeper():
    assert parse_json("[" * 64 + "]" * 64)
    with pytest.raises(JsonTextError, match="nested too deeply"):
        parse_json("[" * 65 + "]" * 65)


def test_a_wide_header_is_checked_in_linear_time(tmp_path):
    path = tmp_path / "a.csv"
    header = ",".join(f"k{i}" for i in range(100_000))
    path.write_text(f"{header},k0\n1\n")
    assert "names 'k0' twice" in within(2, 200, lambda: read_prompts(path))


@pytest.mark.parametrize("size", [100_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_file_that_unpacks_to_far_more_than_it_is_is_refused_before_that(tmp_path, size, nested):
    path = tmp_path / "a.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * size]))
    ids = pa.array([str(number) for number in range(3000)])
    column = pa.array([[text] for text in texts[:700].to_pylist()]) if nested and size == 100_000 else texts
    pq.write_table(
        pa.table({"id": ids[: len(column)], "prompt": ids[: len(column)], "e": column}),
        path,
        compression="zstd",
    )
    assert path.stat().st_size < 20_000
    assert "unpacks to more than 64,000,000" in within(2, 200, lambda: read_prompts(path))


def test_a_parquet_file_of_more_rows_than_bytes_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"id": pa.nulls(5_000_000, pa.string()), "prompt": pa.nulls(5_000_000, pa.string())}), path
    )
    assert "unpacks" in within(2, 200, lambda: read_prompts(path))


def test_a_long_text_that_many_rows_share_is_read_where_the_file_is_large_enough(tmp_path):
    path = tmp_path / "a.parquet"
    rows = [
        {"id": str(number), "prompt": f"number {number}", "system": "s" * 20_000} for number in range(2000)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert [record.system for record in read_prompts(path)] == ["s" * 20_000] * 2000


def test_text_that_is_no_utf8_in_parquet_is_named_by_row_and_field(tmp_path):
    path = tmp_path / "a.parquet"
    offsets = pa.py_buffer(b"\0\0\0\0\3\0\0\0\5\0\0\0")
    texts = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"abc\xff\xfe"))
    pq.write_table(pa.table({"id": ["a", "b"], "prompt": ["x", "y"], "e": texts}), path)
    assert "row 2, field 'e': byte 1 of the text is not UTF-8" in within(2, 200, lambda: read_prompts(path))


def test_halves_of_surrogate_pairs_in_memory_are_refused_too():
    with pytest.raises(RecordError, match="row 1, field 'e': holds half of a surrogate pair"):
        read_prompts([{"id": "1", "prompt": "x", "e": {"k": ["\udc80"]}}])
    with pytest.raises(RecordError, match=r"half of a surrogate pair"):
        read_responses([{"id": "1", "prompt_id": "1", "model": "m", "moves_gold": ["\ud800"]}])


def test_a_pipe_is_no_file(tmp_path):
    import os

    path = tmp_path / "a.jsonl"
    os.mkfifo(path)
    with pytest.raises(RecordError, match="is a pipe or a device"):
        read_prompts(path)


def test_rows_of_a_file_are_not_kept(tmp_path):
    """Records of 100,000 prompts take what they hold, and not their rows beside them."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for number in range(20_000):
            file.write(
                json.dumps({"id": str(number), "prompt": f"prompt {number}", "meta": {"k": [number] * 20}})
                + "\n"
            )
    code = (
        "import resource, sys; from unsinter.features.records.rows import read_rows;"
        "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = usage();"
        "n = sum(1 for _ in read_rows(sys.argv[1]).rows); print(n, usage() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    n, kilobytes = map(int, done.stdout.split())
    assert n == 20_000
    assert kilobytes < 8_000
