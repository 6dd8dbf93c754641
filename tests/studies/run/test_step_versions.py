"""Each kind of step has a version, and no change of its columns or numbers goes in without raising it."""

import json

import numpy as np
import pandas as pd
import planted_steps
import pytest

from unsinter.studies.run import fingerprint
from unsinter.studies.run.fingerprint import KINDS
from unsinter.studies.store.step_store import StepKind

TOLERANCE = 5e-3
"""Of a mean of a column, absolute below 1 and relative above: what other processors may differ by."""

TOLERANCES = {"shuffled": 0.04, "shuffled_sd": 0.03}
"""Of means over some forty shuffles with a standard error of .02: on shuffled labels all penalties do alike,
so that another processor chooses others (.511 and .523 were seen of two)."""


def faults_of(recorded, made):
    """Return in words where steps differ from the record of the same version."""
    faults = []
    for kind, now in made.items():
        was = recorded[kind]
        if was["version"] != now["version"]:
            faults.append(f"{kind}: version {now['version']} has no record; python {planted_steps.__file__}")
            continue
        for name in was["tables"].keys() | now["tables"].keys():
            before, after = was["tables"].get(name, {}), now["tables"].get(name, {})
            if list(before) != list(after):
                faults.append(f"{kind}: other columns in {name}; raise its version")
                continue
            changed = [column for column in before if not is_close(column, before[column], after[column])]
            if changed:
                faults.append(f"{kind}: other values in {name}: {', '.join(changed)}; raise its version")
    return faults


def is_close(column, one, other):
    tolerance = TOLERANCES.get(column, TOLERANCE)
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one[0] == other[0] and np.allclose(one[1:], other[1:], rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def recorded():
    return json.loads(planted_steps.RECORD.read_text(encoding="utf-8"))


def test_every_kind_of_step_has_a_name_of_its_own_and_a_record(recorded):
    assert sorted(kind.name for kind in KINDS) == sorted({kind.name for kind in KINDS}) == sorted(recorded)
    assert {kind.name: kind.version for kind in KINDS} == {n: part["version"] for n, part in recorded.items()}


@pytest.mark.slow
def test_steps_of_planted_activations_are_those_that_their_versions_are_on_record_with(recorded, tmp_path):
    assert faults_of(recorded, planted_steps.record(planted_steps.planted_steps(tmp_path))) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.assign(more=1.0), "other columns in results"),
        (lambda table: table[table.columns[::-1]], "other columns in results"),
        (lambda table: table.assign(score=table["score"] + 0.02), "other values in results: score"),
        (lambda table: table.assign(score=[0.9, 0.7, 0.8]), "other values in results: score"),
        (lambda table: table.assign(score=[0.7, np.nan, 0.9]), "other values in results: score"),
        (lambda table: table.assign(name=["a", "b", "d"]), "other values in results: name"),
    ],
)
def test_a_changed_table_is_a_fault_until_the_version_is_raised_and_the_record_is_written(change, words):
    table = pd.DataFrame({"name": ["a", "b", "c"], "score": [0.7, 0.8, 0.9]})
    before = planted_steps.record({"target": {"results": table}})
    after = planted_steps.record({"target": {"results": change(table)}})
    assert faults_of(before, before) == []
    (fault,) = faults_of(before, after)
    assert words in fault
    after["target"]["version"] += 1
    (fault,) = faults_of(before, after)
    assert "has no record" in fault


def test_a_raised_version_makes_other_keys_and_another_fingerprint(write_study, monkeypatch):
    from unsinter.studies.study.file import load_study

    now, later = StepKind(name="target", version=1), StepKind(name="target", version=2)
    assert now.key({"seed": 0}) != later.key({"seed": 0})
    assert now.key({"seed": 0}) != StepKind(name="transfer", version=1).key({"seed": 0})
    study = load_study(write_study())
    before = fingerprint.study_fingerprint(study)
    monkeypatch.setattr(fingerprint, "KINDS", (*KINDS[:-1], StepKind(name=KINDS[-1].name, version=99)))
    assert fingerprint.study_fingerprint(study) != before
