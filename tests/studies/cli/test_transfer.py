"""`unsinter transfer` on a real run, and on folders that hold none."""

import json

import pandas as pd
import pytest

from unsinter.studies.cli.commands.transfer import TransferError, transfer_verb
from unsinter.studies.tables.transfer_columns import HELD_OUT, TRANSFER


def test_a_finished_run_shows_its_matrices_and_writes_heat_maps(write_study, unsinter, tmp_path, few_prompts):
    prompts = [p | {"source": "even" if i % 4 < 2 else "odd"} for i, p in enumerate(few_prompts)]
    study = write_study(prompts=prompts, targets=["D"], hold_out=["source", "category"], whole=True)
    done = unsinter("run", study)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "here/runs/small"
    table = pd.read_parquet(run / "transfer.parquet")
    assert list(table.columns) == list(TRANSFER)
    assert set(table["kind"]) == {"category", "category_held_out", "source"}
    assert set(table.loc[table["reader"] == "probe", "layer"]) == {0, 2}
    held_out = pd.read_parquet(run / "held_out.parquet")
    assert list(held_out.columns) == list(HELD_OUT)
    assert set(held_out["kind"]) == {"source", "category"}

    shown = unsinter("transfer", run, "--out", "maps", "--order", "clustered")
    assert shown.returncode == 0, shown.stderr
    for part in ("D across categories of harm", "D across sources", "all others", "source even", "+0."):
        assert part in shown.stdout
    names = {f"transfer-tiny-{kind}.{end}" for kind in set(table["kind"]) for end in ("svg", "png")}
    assert {path.name for path in (tmp_path / "here/maps").iterdir()} == names
    one = transfer_verb(run, kind="source", out=None, order="given")
    assert [path.name for path in one.figures] == ["transfer-tiny-source.svg", "transfer-tiny-source.png"]
    assert all(path.parent == run / "figures" for path in one.figures)
    with pytest.raises(TransferError, match="no transfer of kind wording; it holds category"):
        transfer_verb(run, kind="wording", out=None, order="given")


def test_a_folder_that_is_no_run_is_one_line(refused, tmp_path):
    refused("transfer", tmp_path / "nowhere", parts=("nowhere", "no run folder", "study.yaml"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study.yaml").write_text("name: x\n", encoding="utf-8")
    return tmp_path


def test_an_unfinished_run_is_named_as_one(folder):
    with pytest.raises(TransferError, match="unfinished run"):
        transfer_verb(folder, kind=None, out=None, order="given")


def test_a_run_without_transfer_says_why(folder):
    (folder / "summary.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(TransferError, match="holds no transfer: D was not studied"):
        transfer_verb(folder, kind=None, out=None, order="given")


def test_a_table_of_an_earlier_version_is_refused_by_its_column(folder):
    (folder / "summary.json").write_text(json.dumps({}), encoding="utf-8")
    pd.DataFrame({"model": ["m"], "train_category": ["a"]}).to_parquet(folder / "transfer.parquet")
    with pytest.raises(TransferError, match="lacks the column 'kind'"):
        transfer_verb(folder, kind=None, out=None, order="given")


@pytest.mark.parametrize(("option", "value"), [("kind", "sources"), ("order", "random")])
def test_an_option_that_names_nothing_lists_what_would_be_accepted(folder, option, value):
    options = {"kind": None, "order": "given"} | {option: value}
    with pytest.raises(TransferError, match=rf"--{option} must be one of .*, got '{value}'"):
        transfer_verb(folder, out=None, **options)
