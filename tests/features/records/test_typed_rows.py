"""Parquet and `datasets`: classes are read by their names, and no column is named twice."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import RecordError

datasets = pytest.importorskip("datasets")
HARM = ["harmful", "unharmful"]


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


def labelled(names, values, column="harmful"):
    table = {"id": [f"r{i}" for i in range(len(values))], "prompt": ["p"] * len(values), column: values}
    data = datasets.Dataset.from_dict(table)
    return data.cast_column(column, datasets.ClassLabel(names=names))


def every_form(data, folder):
    """The same dataset in memory, formatted, streamed, saved, and as Parquet."""
    data.save_to_disk(str(folder / "saved"))
    data.to_parquet(str(folder / "t.parquet"))
    formatted = data.with_format("numpy")
    return [data, formatted, data.to_iterable_dataset(), folder / "saved", folder / "t.parquet"]


def test_classes_are_read_by_their_names_in_every_form(tmp_path):
    for source in every_form(labelled(HARM, [0, 1, -1]), tmp_path):
        assert [r.harmful for r in read_prompts(source)] == [True, False, None]


def test_classes_whose_names_say_nothing_are_refused_by_name_and_mapped(tmp_path):
    columns = {"harmful": {"field": "harmful", "true": ["unsafe"], "false": ["safe"]}}
    for source in every_form(labelled(["unsafe", "safe"], [0, 1]), tmp_path):
        with pytest.raises(RecordError, match=re.escape("got 'unsafe' (a class of 'unsafe', 'safe')")):
            read_prompts(source)
        assert [r.harmful for r in read_prompts(source, columns=columns)] == [True, False]


def test_a_mapped_column_of_classes_and_a_category_of_classes_give_names(tmp_path):
    data = labelled(["theft", "fraud"], [1, 0], "kind")
    for source in every_form(data, tmp_path):
        assert [r.category for r in read_prompts(source, columns={"category": "kind"})] == ["fraud", "theft"]
    for source in every_form(labelled(HARM, [1, 0], "label"), tmp_path / "other"):
        assert [r.harmful for r in read_prompts(source, columns={"harmful": "label"})] == [False, True]


def test_lists_of_classes_are_lists_of_names(tmp_path):
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "prompt": datasets.Value("string"),
            "category": datasets.Sequence(datasets.ClassLabel(names=["theft", "fraud"])),
        }
    )
    data = datasets.Dataset.from_dict({"id": ["a"], "prompt": ["p"], "category": [[1]]}, features=features)
    for source in every_form(data, tmp_path):
        assert read_prompts(source)[0].category == "fraud"


def test_a_number_without_a_name_is_refused(tmp_path):
    note = {"info": {"features": {"harmful": {"names": HARM, "_type": "ClassLabel"}}}}
    table = pa.table({"id": ["a"], "prompt": ["p"], "harmful": [2]})
    path = tmp_path / "t.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(note)}), path)
    with pytest.raises(
        RecordError, match="row 1, field 'harmful': holds class 2, and the classes are 'harmful'"
    ):
        read_prompts(path)


def parquet(path, names, columns):
    pq.write_table(pa.Table.from_arrays([pa.array(values) for values in columns], names=names), path)
    return path


@pytest.mark.parametrize("twice", ["prompt", "harmful", "extra"])
def test_a_column_named_twice_is_refused_as_in_csv(tmp_path, twice):
    path = parquet(tmp_path / "t.parquet", ["id", "prompt", "harmful", "extra", twice],
                   [["a"], ["p"], [True], ["x"], [False]])  # fmt: skip
    with pytest.raises(RecordError, match=rf"t\.parquet: the header names '{twice}' twice; rename one"):
        read_prompts(path)


def test_a_field_named_twice_inside_a_column_is_refused(tmp_path):
    inner = pa.struct([pa.field("x", pa.int64()), pa.field("x", pa.int64())])
    column = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], fields=list(inner))
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["p"]), column], names=["id", "prompt", "meta"]), path
    )
    with pytest.raises(RecordError, match=r"names 'meta\.x' twice"):
        read_prompts(path)


def test_nested_columns_without_repeats_are_read(tmp_path):
    path = tmp_path / "t.parquet"
    rows = [{"id": "a", "prompt": "p", "meta": {"x": 1, "y": [{"x": 2}]}}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read_prompts(path)[0].model_extra == {"meta": {"x": 1, "y": [{"x": 2}]}}
