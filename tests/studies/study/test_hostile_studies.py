"""Study files that would hang, fill memory or end in a traceback: one line each, soon."""

import datetime
import re
import time

import pytest
import yaml

from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.unique_keys import load_yaml

HEAD = "name: a\nmodels: [{name: t, path: 'planted:detached'}]\nprompts: {}\n"


def levels(first, line, n=11):
    return first + "".join(line(level) for level in range(1, n + 1))


FILES = {
    "aliases": (
        levels("a0: &a0 [x, x, x]\n", lambda i: f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n"),
        "aliases",
    ),
    "merges": (
        levels("a0: &a0 {k: 1}\n", lambda i: f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n"),
        "aliases",
    ),
    "an alias of itself": ("a: &a [*a]\n", "holds itself"),
    "a merge of itself": ("a: &a {<<: *a}\n", "holds itself"),
    "deep flow": ("[" * 20_000, "nested more than 40 deep"),
    "deep blocks": ("\n".join(" " * i + "a:" for i in range(300)), "nested more than 40 deep"),
    "a bad date": (HEAD + "seed: 2024-99-99\n", "line 4 holds '2024-99-99', which is no timestamp"),
    "an empty number": (HEAD + "seed: !!int ''\n", "line 4 holds '', which is no int"),
    "no timestamp": (HEAD + "seed: !!timestamp x\n", "no timestamp"),
    "digits": (HEAD + f"seed: {'9' * 5000}\n", "number of 5,000 characters"),
    "sexagesimal digits": (HEAD + f"seed: 1{':1' * 40_000}\n", "number of 80,001 characters"),
    "a zero character": (HEAD + 'report: {question: "a\\0b"}\n', "zero character"),
    "half a pair": (HEAD + 'report: {question: "\\ud800"}\n', "surrogate pair"),
    "a long path": (HEAD.replace("{}", f"{{path: [{'x' * 5000}]}}"), "no file can be called"),
    "a long model": (HEAD.replace("planted:detached", "x" * 5000) + "seed: -1\n", "seed"),
    "a long file": (HEAD + "# x\n" * 30_000, "at most 100,000 are read"),
    "rates of no file": (HEAD + "separation: {sure: {file: [1]}}\n", "file must be a path"),
    "a set": (HEAD + "seed: !!set {a}\n", "seed"),
    "code": (HEAD + "seed: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
}


@pytest.mark.parametrize("kind", list(FILES))
def test_a_hostile_study_file_is_one_line_soon(tmp_path, kind):
    text, match = FILES[kind]
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    begun = time.process_time()
    with pytest.raises(StudyError, match=match) as error:
        load_study(path)
    assert time.process_time() - begun < 4
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 7000


def test_aliases_and_merges_that_people_write_are_read(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: a\nmodels:\n- &m {name: t, path: 'planted:detached', dtype: float32}\n"
        "- {<<: *m, name: u}\nprompts: {}\nlayers: &l [0, 1]\n",
        encoding="utf-8",
    )
    study = load_study(path)
    assert [(model.name, model.dtype) for model in study.models] == [("t", "float32"), ("u", "float32")]


def test_long_lists_are_checked_in_linear_time(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(HEAD + f"penalties: [{', '.join(map(str, range(1, 12_000)))}]\n", encoding="utf-8")
    begun = time.process_time()
    assert len(load_study(path).penalties) == 11_999
    assert time.process_time() - begun < 6


@pytest.mark.parametrize("written", ["010", "-007", "1:30", "12:30:00", "1:30.5"])
def test_a_number_that_yaml_reads_as_another_one_than_it_looks_is_refused(written):
    with pytest.raises(yaml.YAMLError, match=rf"holds {re.escape(written)}, which YAML reads as another"):
        load_yaml(f"seed: {written}")
    assert load_yaml(f"seed: '{written}'") == {"seed": written}


def test_numbers_and_dates_that_look_as_they_are_stay_so():
    text = "{a: 10, b: 0, c: 0.010, d: 0x10, e: -3, f: 2024-01-02, g: 1_000}"
    assert list(load_yaml(text).values()) == [10, 0, 0.01, 16, -3, datetime.date(2024, 1, 2), 1000]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": []}, "layers: use all or a list of whole numbers from 0"),
        ({"layers": [-1]}, "layers: use all or a list of whole numbers from 0"),
        ({"bootstrap_draws": 10**9}, "bootstrap_draws: Input should be less than or equal to"),
        ({"controls": {"permutations": 10**9}}, "permutations: Input should be less than or equal to"),
        ({"tuning": {"trials": 10**9}}, "trials: Input should be less than or equal to"),
    ],
)
def test_settings_that_nobody_can_mean_are_refused_when_the_file_is_read(write_study, changes, words):
    with pytest.raises(StudyError, match=words):
        load_study(write_study(**changes))
