import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from unsinter.probes.export import ProbeFileError, load_probe, save_probe


@pytest.fixture
def saved(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "probe.safetensors"
    X = rng.normal(size=(8, 5))
    weight, bias = rng.normal(size=(3, 5)), rng.normal(size=3)
    save_probe(path, weight=weight, bias=bias, classes=("a", "b", "c"), card={"layer": 2}, examples=X)
    return path, X, X @ weight.T + bias


def test_a_loaded_probe_scores_as_the_one_that_was_saved(saved):
    path, X, expected = saved
    probe = load_probe(path)
    np.testing.assert_allclose(probe.scores(X), expected, atol=1e-5)
    assert probe.classes == ("a", "b", "c")
    assert probe.card["layer"] == 2


def test_activations_of_another_width_are_refused(saved):
    with pytest.raises(ProbeFileError, match=r"width 5, got shape \(2, 4\)"):
        load_probe(saved[0]).scores(np.ones((2, 4)))


def test_changed_weights_fail_the_self_test(saved):
    tensors = load_file(saved[0])
    tensors["weight"] = tensors["weight"] * 1.01
    save_file(tensors, saved[0], metadata={"schema_version": "1"})
    with pytest.raises(ProbeFileError, match="do not get their stored scores"):
        load_probe(saved[0])


def test_a_card_of_a_later_schema_is_refused(saved):
    card = saved[0].with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"schema_version": 99}))
    with pytest.raises(ProbeFileError, match="schema version 99, this version reads 1"):
        load_probe(saved[0])


def test_a_file_without_its_card_is_refused(saved):
    saved[0].with_suffix(".json").unlink()
    with pytest.raises(ProbeFileError, match="not a probe with its card beside it"):
        load_probe(saved[0])


def test_weights_that_lie_column_by_column_are_saved_as_the_numbers_they_are(tmp_path):
    rng = np.random.default_rng(1)
    X, weight, bias = rng.normal(size=(8, 5)), rng.normal(size=(3, 5)), rng.normal(size=3)
    path = tmp_path / "probe.safetensors"
    fortran = np.asfortranarray(weight)
    save_probe(
        path, weight=fortran, bias=bias, classes=("a", "b", "c"), card={}, examples=np.asfortranarray(X)
    )
    np.testing.assert_allclose(load_probe(path).weight, weight, atol=1e-6)
