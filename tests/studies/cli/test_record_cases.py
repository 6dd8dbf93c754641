"""Inputs as people have them, each run as a person would run it: cases that stand beside the repository."""

import os
import re
import subprocess
import sys

import pytest

from unsinter.studies.study.file import StudyError, load_study


@pytest.fixture
def case(repository):
    """Return the folder of a case by its number; the test is skipped where the cases are absent."""

    def find(number):
        root = os.environ.get("UNSINTER_SHARED", repository.parent / "shared")
        result = sorted(type(repository)(root).glob(f"cases/{number}_*"))
        if not result:
            pytest.skip(f"no case {number} in {root}; set UNSINTER_SHARED to the folder that holds cases/")
        return result[0]

    return find


def output(script):
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(text):
    return " ".join(re.sub(r"[^\x20-\x7e]", " ", text).split())


def checked(unsinter, *arguments):
    done = unsinter("check", *arguments, COLUMNS="300")
    assert done.returncode == 0, done.stderr
    return plain(done.stdout)


def test_03_numbered_pairs_are_eighty_groups(case, unsinter):
    assert "harmful 80, harmless 80 groups" in checked(unsinter, case("03") / "in.jsonl")


def test_04_the_group_nan_is_missing_and_named(case, unsinter):
    text = checked(unsinter, case("04") / "in.jsonl")
    assert "A group that says there is none counts as missing: nan 120." in text
    assert "harmful 70, harmless 70 groups" in text  # 60 single rows each, and ten families that hold both


def test_09_classes_are_read_by_their_names(case):
    assert "{'bomb': True, 'bread': False}" in output(case("09") / "repro.py")


def test_14_a_column_named_twice_is_refused(case):
    assert "the header names 'prompt' twice" in output(case("14") / "repro.py")


def test_15_a_key_named_twice_is_refused(case):
    with pytest.raises(StudyError, match="the key 'targets' is given twice, on lines 3 and 5"):
        load_study(case("15") / "in.yaml")


def test_16_a_category_may_be_called_harmless(case):
    assert "C counts ('fraud', 'harmless', 'malware')" in output(case("16") / "repro.py")


def test_18_a_position_named_twice_is_refused_before_any_compute(case, refused, tmp_path):
    refused("run", case("18") / "in.yaml", parts=["positions", "'template_end' twice"])
    assert not (tmp_path / "here" / "runs").exists()


def test_19_the_home_folder_is_known_to_load_model(case):
    assert output(case("19") / "repro.py").strip() == "m"


def test_21_ids_that_are_texts_take_no_more_memory_than_the_text(case):
    assert "ids 0 MB, groups 0 MB" in output(case("21") / "repro.py")


def test_22_a_shared_wrapper_is_named_with_what_to_do(case, unsinter):
    data = case("22") / "in.jsonl"
    text = checked(unsinter, data)
    assert "makes 300 prompts near copies, so that they are one group, though 300 different requests" in text
    assert "--strip-wrapper" in text
    for option in (["--strip-wrapper"], ["--near-copies", "0.95"]):
        assert "harmful 150, harmless 150 groups" in checked(unsinter, data, *option)


def test_23_a_category_with_a_blank_at_its_end_is_the_same_category(case, unsinter):
    assert "with 30 groups or more: fraud 58, malware 58" in checked(unsinter, case("23") / "in.jsonl")
    text = checked(unsinter, case("23") / "case.jsonl")
    assert "with 30 groups or more: Fraud 58, cyber crime 58" in text
    assert "The category 'Fraud' is also written 'fraud' 29; they count as one." in text
