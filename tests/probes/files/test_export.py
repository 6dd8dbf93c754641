"""Probe files: what is saved is what is loaded, and nothing that was changed is loaded at all."""

import json
import os
import stat
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from random_probe import random_probe
from safetensors.numpy import load, save_file
from size_limit import file_size_limited

from unsinter.cache.places import unfinished
from unsinter.probes.calibration import Calibration
from unsinter.probes.files.card_seal import card_text, sealed
from unsinter.probes.files.export import (
    OUR_FIELDS,
    load_probe,
    pack_probe,
    probe_files,
    read_examples,
    save_probe,
    with_card,
)
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.probes.files.whole_files import write_together

IN_ONE_FOLDER = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def by_hand(probe, X):
    for weight, bias in probe.layers[:-1]:
        X = np.maximum(X @ weight.T + bias, 0)
    return X @ probe.layers[-1][0].T + probe.layers[-1][1]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "probe.safetensors"
    probe = random_probe(calibration=Calibration(slope=1.5, intercept=-0.5))
    save_probe(path, probe, examples=np.random.default_rng(1).normal(size=(8, 5)))
    return path


def refuses(path, match):
    with pytest.raises(ProbeFileError, match=match):
        load_probe(path)


@pytest.mark.parametrize(
    ("widths", "classes"),
    [
        ((5, 1), ("a", "b")),
        ((5, 3), ("c", "a", "b")),
        ((5, 4, 1), ("b", "a")),
        ((5, 4, 4, 3), ("x", "y", "z")),
    ],
)
def test_a_loaded_probe_scores_as_the_one_that_was_saved(tmp_path, widths, classes):
    probe = random_probe(widths=widths, classes=classes)
    X = np.random.default_rng(1).normal(size=(20, 5))
    save_probe(tmp_path / "p.safetensors", probe, examples=X[:4])
    loaded = load_probe(tmp_path / "p.safetensors")
    expected = by_hand(probe, X)
    np.testing.assert_allclose(loaded.scores(X), expected[:, 0] if len(classes) == 2 else expected, atol=1e-5)
    assert (loaded.classes, loaded.family, loaded.threshold) == (classes, probe.family, probe.threshold)
    assert loaded.card["layer"] == 2


def test_what_was_saved_is_read_back_to_the_bit_and_can_be_saved_again(saved, tmp_path):
    loaded = load_probe(saved)
    save_probe(tmp_path / "again.safetensors", loaded, examples=read_examples(saved)[0])
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    assert (tmp_path / "again.json").read_bytes() == saved.with_suffix(".json").read_bytes()


def test_the_stored_examples_carry_the_scores_of_the_stored_weights(saved):
    X, scores = read_examples(saved)
    np.testing.assert_array_equal(load_probe(saved).scores(X), scores)


numbers = st.floats(-1e4, 1e4, width=32)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@IN_ONE_FOLDER
@given(
    data=st.data(),
    facts=st.dictionaries(st.text(), json_values, max_size=4),
    names=st.lists(st.text(), min_size=2, max_size=4, unique=True),
    hidden=st.integers(0, 3),
    d_model=st.integers(1, 6),
)
def test_any_probe_and_card_survive_a_round_trip(tmp_path, data, facts, names, hidden, d_model):
    facts = {f"x{name}" if name in OUR_FIELDS else name: value for name, value in facts.items()}
    widths = [d_model, *([hidden] if hidden else []), 1 if len(names) == 2 else len(names)]
    layers = tuple(
        (
            data.draw(arrays(np.float32, (n, m), elements=numbers)),
            data.draw(arrays(np.float32, n, elements=numbers)),
        )
        for m, n in pairwise(widths)
    )
    threshold = data.draw(st.floats(-1e6, 1e6)) if len(names) == 2 else None
    probe = ProbeWeights(layers=layers, classes=tuple(names), family="mlp", threshold=threshold, card=facts)
    X = data.draw(arrays(np.float32, (3, d_model), elements=numbers))
    save_probe(tmp_path / "p.safetensors", probe, examples=X)
    loaded = load_probe(tmp_path / "p.safetensors")
    for (weight, bias), (result, found_bias) in zip(layers, loaded.layers, strict=True):
        np.testing.assert_array_equal(weight, result)
        np.testing.assert_array_equal(bias, found_bias)
    assert (loaded.classes, loaded.threshold) == (tuple(names), threshold)
    assert {name: loaded.card[name] for name in facts} == facts
    np.testing.assert_array_equal(loaded.scores(X), probe.scores(X))


@IN_ONE_FOLDER
@given(data=st.data())
def test_one_flipped_bit_anywhere_in_the_weights_file_is_refused(saved, data):
    good = saved.read_bytes()
    place, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    bad = bytearray(good)
    bad[place] ^= 1 << bit
    saved.write_bytes(bad)
    try:
        refuses(saved, "not the weights its card was written for")
    finally:
        saved.write_bytes(good)


@IN_ONE_FOLDER
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(saved, data):
    victim = data.draw(st.sampled_from([saved, saved.with_suffix(".json")]))
    good = victim.read_bytes()
    # The card ends in a line break, which is no part of it.
    victim.write_bytes(good[: data.draw(st.integers(0, len(good) - 2))])
    try:
        refuses(saved, "not the weights its card was written for|not a card")
    finally:
        victim.write_bytes(good)


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_every_field_of_a_card_is_sealed(saved, change):
    card_file = saved.with_suffix(".json")
    card = json.loads(card_file.read_text())
    paths = list(leaves(card))
    assert len(paths) > 12
    for path in paths:
        tampered = json.loads(card_file.read_text())
        inner = tampered
        for name in path[:-1]:
            inner = inner[name]
        if change == "edit":
            old = inner[path[-1]]
            inner[path[-1]] = old + 1 if isinstance(old, int | float) else f"{old}x"
        else:
            del inner[path[-1]]
        card_file.write_text(json.dumps(tampered))
        with pytest.raises(ProbeFileError):
            load_probe(saved)
        card_file.write_text(json.dumps(card))
    load_probe(saved)


def test_facts_that_json_writes_in_another_form_do_not_break_their_own_seal(tmp_path):
    facts = {"counts": {10: "ten", 9: "nine"}, "layers": (1, 2)}
    save_probe(tmp_path / "p.safetensors", random_probe(card=facts), examples=np.ones((1, 5)))
    card = load_probe(tmp_path / "p.safetensors").card
    assert (card["counts"], card["layers"]) == ({"10": "ten", "9": "nine"}, [1, 2])


@pytest.mark.parametrize("value", [10**400, [1], "much"])
def test_a_resealed_card_with_a_threshold_that_is_no_number_is_refused(saved, value):
    card_file = saved.with_suffix(".json")
    good = card_file.read_text()
    card = {name: part for name, part in json.loads(good).items() if name != "card_sha256"}
    card_file.write_text(card_text(sealed(card | {"threshold": value})))
    refuses(saved, "threshold|card|number|float")
    card_file.write_text(good)


def test_a_field_added_to_a_card_is_noticed_and_white_space_is_not(saved):
    card_file = saved.with_suffix(".json")
    card = json.loads(card_file.read_text())
    card_file.write_text(json.dumps(card, indent=4))
    load_probe(saved)
    card_file.write_text(json.dumps(card | {"licence": "any"}))
    refuses(saved, "card is not as it was written")


def test_the_card_of_another_probe_is_refused(saved, tmp_path):
    save_probe(tmp_path / "other.safetensors", random_probe(seed=9), examples=np.ones((1, 5)))
    (tmp_path / "other.json").replace(saved.with_suffix(".json"))
    refuses(saved, "not the weights its card was written for")


def test_weights_that_miss_their_self_test_are_refused_even_with_a_card_sealed_anew(saved):
    probe = load_probe(saved)
    packed, data = pack_probe(probe, examples=read_examples(saved)[0])
    weights = load(data)["weight.0"].tobytes()
    assert data.count(weights) == 1
    changed = data.replace(weights, (np.frombuffer(weights, np.float32) * np.float32(1.01)).tobytes())
    write_together(probe_files(saved, with_card(packed, packed.card, changed), changed))
    refuses(saved, "do not get their stored scores")


def write_first_schema(path, *, weight, bias, classes, card, examples):
    """Write a file as version 0.1.0 wrote it."""
    scores = examples @ weight.T.astype(np.float64) + bias
    scores = np.ascontiguousarray(scores[:, 0] if len(classes) == 2 else scores)
    tensors = {"weight": weight, "bias": bias}
    tensors |= {"self_test.activations": examples, "self_test.scores": scores}
    save_file(tensors, path, metadata={"schema_version": "1"})
    path.with_suffix(".json").write_text(json.dumps({"schema_version": 1, "classes": classes, **card}))


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
def test_files_of_the_first_schema_are_still_read(tmp_path, classes):
    rng = np.random.default_rng(0)
    n = 1 if len(classes) == 2 else 3
    weight, bias = rng.normal(size=(n, 5)).astype(np.float32), rng.normal(size=n).astype(np.float32)
    X = rng.normal(size=(4, 5)).astype(np.float32)
    path = tmp_path / "old.safetensors"
    write_first_schema(path, weight=weight, bias=bias, classes=classes, card={"layer": 3}, examples=X)
    probe = load_probe(path)
    expected = X.astype(np.float64) @ weight.T.astype(np.float64) + bias
    np.testing.assert_allclose(probe.scores(X), expected[:, 0] if n == 1 else expected, atol=1e-12)
    assert (probe.family, probe.threshold) == ("logistic", 0.0 if n == 1 else None)
    probe.check_fits(layer=3, d_model=5)
    save_file(load(path.read_bytes()) | {"weight": weight * 2}, path, metadata={"schema_version": "1"})
    refuses(path, "do not get their stored scores")


def test_a_card_cannot_claim_the_first_schema_to_lose_its_seal(saved):
    tensors = load(saved.read_bytes())
    named = {"weight": tensors.pop("weight.0"), "bias": tensors.pop("bias.0"), **tensors}
    save_file(named, saved, metadata={"schema_version": "2"})
    saved.with_suffix(".json").write_text(
        json.dumps({"schema_version": 1, "classes": ["a", "b"], "layer": 9})
    )
    refuses(saved, "weights are of schema version 2, the card of 1")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"schema_version": 99}', "schema version 99, this version reads 1 and 2"),
        ('{"schema_version": true}', "schema version True"),
        ("[1]", "not a card"),
        ("{", "not a card in JSON"),
        ("[" * 100_000, "not a card in JSON"),
    ],
)
def test_what_is_no_card_of_a_known_schema_is_refused(saved, text, match):
    saved.with_suffix(".json").write_text(text)
    refuses(saved, match)


def test_the_folder_of_an_export_names_its_probe_and_another_folder_is_said_to_hold_none(saved, tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    refuses(folder, r"exported/probe.safetensors: not a probe .*probe.json is not there.*; name the folder")
    for ending in (".safetensors", ".json"):
        (folder / f"probe{ending}").write_bytes(saved.with_suffix(ending).read_bytes())
    examples, scores = read_examples(folder)
    np.testing.assert_allclose(load_probe(str(folder)).scores(examples), scores)


def test_a_missing_file_is_named(saved, tmp_path):
    missing = r"not a probe with its card beside it \(none.json is not there\); name the folder that"
    refuses(tmp_path / "none.safetensors", f"none.safetensors: {missing}")
    saved.with_suffix(".json").unlink()
    refuses(saved, "not a probe with its card beside it")


def test_a_card_field_of_ours_or_one_that_json_cannot_hold_is_refused(tmp_path):
    for card, match in [
        ({"threshold": 1}, "'threshold' is written by us"),
        ({"x": float("nan")}, "JSON cannot hold"),
    ]:
        with pytest.raises(ProbeFileError, match=match):
            save_probe(tmp_path / "p.safetensors", random_probe(card=card), examples=np.ones((1, 5)))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_earlier_probe_whole_and_no_leftovers(saved):
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir()}
    large = random_probe(widths=(4000, 1))
    with file_size_limited(8000), pytest.raises(ProbeFileError, match=r"cannot be written .*make room"):
        save_probe(saved, large, examples=np.ones((1, 4000)))
    assert {path.name: path.read_bytes() for path in saved.parent.iterdir()} == before
    load_probe(saved)


def test_a_card_that_cannot_be_written_leaves_the_earlier_weights_too(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(unfinished.secrets, "token_hex", lambda n: "ab")
    # It stands where the card's temporary file goes.
    unfinished.temporary_name(saved.parent / "probe.json").mkdir()
    with pytest.raises(ProbeFileError, match=r"probe\.json cannot be written"):
        save_probe(saved, random_probe(seed=5), examples=np.ones((1, 5)))
    assert saved.read_bytes() == before
    load_probe(saved)


def test_weights_that_lie_column_by_column_in_memory_are_saved_as_they_read(tmp_path):
    weight = np.asfortranarray(np.arange(15.0).reshape(3, 5))
    probe = ProbeWeights(layers=((weight, np.zeros(3)),), classes=("a", "b", "c"), threshold=None, card={})
    save_probe(tmp_path / "p.safetensors", probe, examples=np.asfortranarray(np.eye(5)))
    np.testing.assert_array_equal(load_probe(tmp_path / "p.safetensors").layers[0][0], weight)


def test_loading_and_scoring_import_numpy_and_safetensors_only(saved):
    code = (
        "import sys, numpy; from unsinter.probes.files.export import load_probe\n"
        f"probe = load_probe({str(saved)!r}); X = numpy.ones((2, 5))\n"
        "probe.scores(X), probe.probabilities(X), probe.decisions(X), probe.check_fits(layer=2)\n"
        "heavy = 'torch transformers sklearn pandas scipy joblib onnx skops pydantic'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "[]"


def test_files_and_the_names_in_their_folder_are_flushed_to_the_disk(tmp_path, monkeypatch):
    flushed, fsync = [], os.fsync

    def record(descriptor):
        names = sorted(path.name for path in tmp_path.iterdir())
        flushed.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), names))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    save_probe(tmp_path / "p.safetensors", random_probe(), examples=np.ones((1, 5)))
    assert [is_folder for is_folder, _ in flushed] == [False, False, True]
    assert flushed[-1] == (True, ["p.json", "p.safetensors"])
