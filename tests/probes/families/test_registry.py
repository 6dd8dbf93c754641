"""A family of probes is one entry: what the entry says is what fits, files and names say."""

import ast
from dataclasses import replace

import numpy as np
import pytest
from nearest_centroid import NEAREST_CENTROID, registered
from sklearn.neighbors import NearestCentroid

from unsinter.probes import Task
from unsinter.probes.families.family import Conditions, Options
from unsinter.probes.families.registry import (
    UnknownFamilyError,
    all_families,
    family_of,
    register,
    sweep_names,
    title_of,
    tuned_names,
)
from unsinter.probes.files.export import load_probe, save_probe
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights


def make_rows(n_classes, *, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, size=150)
    return rng.normal(size=(150, 5)) + 3 * np.eye(n_classes, 5)[codes], codes


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_maps_of_every_family_give_its_scores_and_read_planted_classes(family, n_classes):
    X, codes = make_rows(n_classes)
    task = Task(codes=np.where(np.arange(150) < 100, codes, -1), n_classes=n_classes)
    (fit,) = family.make_solver(X, Conditions(seed=1)).fit([task], [0.01, 0.1])
    assert len(fit.scores) == len(fit.converged) == 2
    for index in range(2):
        hidden = X
        for place, (weight, bias) in enumerate(fit.layers(index)):
            hidden = (np.maximum(hidden, 0) if place else hidden) @ weight.T + bias
        expected = hidden[:, 0] if n_classes == 2 else hidden
        np.testing.assert_allclose(fit.scores[index], expected, atol=1e-4)
        decided = expected > 0 if n_classes == 2 else expected.argmax(axis=1)
        assert (decided == codes)[100:].mean() > 0.8


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_a_class_without_training_rows_is_never_decided_for(family):
    X, codes = make_rows(3)
    (fit,) = family.make_solver(X, Conditions()).fit(
        [Task(codes=np.where(codes == 1, -1, codes), n_classes=3)], [0.1]
    )
    assert np.isneginf(fit.scores[0][:, 1]).all()
    assert np.isfinite(fit.scores[0][:, [0, 2]]).all()


@pytest.mark.parametrize(
    ("name", "unit"),
    [("logistic", "nats"), ("mlp", "nats"), ("ridge", "score units"), ("mass_mean", "score units")],
)
def test_only_a_family_of_log_odds_has_probabilities_without_a_calibration(name, unit, tmp_path):
    layers = ((np.array([[1.0, -2.0]]), np.array([0.5])),)
    probe = ProbeWeights(layers=layers, classes=("no", "yes"), family=name, card={"target": "D"})
    assert probe.has_probabilities == (unit == "nats")
    loaded = save_probe(tmp_path / "probe.safetensors", probe, examples=np.ones((2, 2)))
    assert loaded.card["score_unit"] == unit


def test_a_registered_family_fits_as_scikit_learn_does_and_is_known_to_files_until_the_block_ends(tmp_path):
    X, codes = make_rows(3)
    before = sweep_names(), tuned_names()
    with registered(NEAREST_CENTROID):
        family = family_of("nearest_centroid")
        (fit,) = family.make_solver(X, Conditions()).fit([Task(codes=codes, n_classes=3)], [1.0])
        expected = NearestCentroid().fit(X, codes).predict(X)
        np.testing.assert_array_equal(fit.scores[0].argmax(axis=1), expected)
        assert "nearest_centroid" in sweep_names()
        assert "nearest_centroid" in tuned_names()
        probe = ProbeWeights(
            layers=fit.layers(0), classes=("a", "b", "c"), family=family.name, threshold=None, card={}
        )
        save_probe(tmp_path / "probe.safetensors", probe, examples=X[:4])
        np.testing.assert_allclose(
            load_probe(tmp_path / "probe.safetensors").scores(X), fit.scores[0], rtol=1e-4
        )
    assert (sweep_names(), tuned_names()) == before
    assert title_of("nearest_centroid") == "nearest_centroid"
    with pytest.raises(ProbeFileError, match=r"'nearest_centroid' is none of logistic, .*register it first"):
        load_probe(tmp_path / "probe.safetensors")


def test_no_module_but_the_registry_knows_a_family_by_its_name(repository):
    """The module that writes files of scikit-learn is left out: it spells names of that library."""
    names = {family.name for family in all_families()}
    modules = [*(repository / "studies").rglob("*.py"), *(repository / "probes" / "files").glob("*.py")]
    spelled = [
        f"{path.relative_to(repository)}: {node.value}"
        for path in modules
        if path.name != "sklearn_file.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not spelled


def test_an_unknown_family_is_named_with_those_that_there_are():
    with pytest.raises(UnknownFamilyError, match="'svm' is none of logistic, ridge, mass_mean, mlp"):
        family_of("svm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "ridge"}, "another family is called 'ridge'"),
        ({"name": "../ridge"}, "letters, digits and underscores, got '../ridge'"),
        ({"formats": ("onnx",)}, "formats are safetensors and others of"),
        ({"formats": ("safetensors", "pickle")}, "formats are safetensors and others of"),
        ({"space": (Options(name="width", values=(1,)),)}, "names 'width', which tuning chooses already"),
        ({"space": (Options(name="reduction", values=(1,)),)}, "names 'reduction', which tuning chooses"),
        ({"space": (Options(name="k", values=(1,)),) * 2}, "names a choice twice: k, k"),
    ],
)
def test_an_entry_that_would_be_mistaken_for_another_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        register(replace(NEAREST_CENTROID, **changes))
    assert [family.name for family in all_families()] == ["logistic", "ridge", "mass_mean", "mlp"]
