"""Options that are given twice, and a storage that cannot be: said before anything is computed."""

import re

import pytest
from typer.testing import CliRunner

from unsinter.studies.cli.app import app
from unsinter.studies.probing.tuning.storage import TuningError, check_storage_url


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "x.jsonl", "--columns", "prompt=a", "--columns", "category=b"],
        ["check", "x.jsonl", "--columns=prompt=a", "--near-copies", "1", "--columns=category=b"],
        ["run", "x.yaml", "--out", "a", "--jobs", "2", "--out=b"],
        ["export", "run", "--target", "D", "--target", "R"],
    ],
)
def test_an_option_of_one_value_is_never_dropped_for_a_later_one(arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    pattern = r"unsinter: --\w+ is given twice and takes one value; see `unsinter .*help`\."
    assert re.fullmatch(pattern, done.output.strip())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nowhere.yaml", "--set", "seed=1", "--set", "seed=2"],
        ["score", "nowhere", "--text", "--model", "--model", "x"],
    ],
)
def test_several_values_of_one_option_and_a_value_that_looks_like_an_option_pass(arguments):
    assert "given twice" not in CliRunner().invoke(app, arguments).output


def test_a_database_in_a_folder_that_is_not_there_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(TuningError, match=r"there is no folder .*nowhere; make it"):
        check_storage_url(f"sqlite:///{tmp_path}/nowhere/trials.db")
    check_storage_url(f"sqlite:///{tmp_path}/trials.db")
