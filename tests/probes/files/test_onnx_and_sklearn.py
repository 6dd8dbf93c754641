"""The other forms of a probe give its numbers, and no code runs when they are read."""

import builtins
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from random_probe import random_probe

from unsinter.probes.calibration import Calibration
from unsinter.probes.files.export import pack_probe
from unsinter.probes.files.exported import ProbeFileError
from unsinter.probes.files.onnx_file import onnx_bytes
from unsinter.probes.files.sklearn_file import as_estimator, skops_bytes

KINDS = [
    ((6, 1), ("harmless", "harmful"), "logistic"),
    ((6, 3), ("theft", "fraud", "privacy"), "logistic"),
    ((6, 5, 1), ("harmless", "harmful"), "mlp"),
    ((6, 5, 4, 3), ("theft", "fraud", "privacy"), "mlp"),
    ((6, 1), ("harmless", "harmful"), "mass_mean"),
]


def packed_probe(widths, classes, family, *, seed=0, calibrated=True):
    is_binary = len(classes) == 2
    calibration = Calibration(slope=0.6, intercept=-0.4 if is_binary else 0.0) if calibrated else None
    parts = {"family": family, "threshold": 0.3 if is_binary else None, "calibration": calibration}
    probe = random_probe(widths=widths, classes=classes, seed=seed, **parts)
    return pack_probe(probe, examples=np.random.default_rng(seed + 1).normal(size=(4, widths[0])))[0]


def massive(n, *, seed=1):
    """Activations as open models have them: one column in the thousands, the rest near one."""
    return (np.random.default_rng(seed).normal(size=(n, 6)) * [1, 1, 4000, 1, 0.1, 1]).astype(np.float32)


def run_onnx(data, X):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["scores", "probabilities"], {"activations": X})


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_gives_the_numpy_scores_and_probabilities_for_any_batch(kind):
    probe = packed_probe(*kind)
    data = onnx_bytes(probe, massive(4))
    for n in (1, 7, 50):
        X = massive(n, seed=n)
        scores, probabilities = run_onnx(data, X)
        assert scores.dtype == probabilities.dtype == np.float32
        np.testing.assert_allclose(scores, probe.scores(X), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(probabilities, probe.probabilities(X), rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e5))
def test_onnx_is_equal_to_a_hundred_thousandth_at_any_scale(kind, seed, scale):
    probe, X = packed_probe(*kind, seed=seed), massive(20, seed=seed) * np.float32(scale)
    scores, probabilities = run_onnx(onnx_bytes(probe, X), X)
    expected = probe.scores(X)
    assert np.max(np.abs(scores - expected) / np.maximum(1, np.abs(expected))) < 1e-5
    assert np.max(np.abs(probabilities - probe.probabilities(X))) < 1e-5


def test_an_onnx_graph_names_its_classes_and_its_card():
    probe = packed_probe(*KINDS[0])
    model = onnx.load_from_string(onnx_bytes(probe, massive(4)))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == ["harmless", "harmful"]
    assert (metadata["layer"], metadata["position"], metadata["threshold"]) == ("2", "template_end", "0.3")
    assert metadata["weights_sha256"] == probe.card["weights_sha256"]
    assert metadata["model.weights"] == "ab"
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scikit_learn_file_needs_no_trust_and_gives_the_calibrated_probabilities(kind):
    probe, X = packed_probe(*kind), massive(30)
    data = skops_bytes(probe, X[:4])
    assert skops.io.get_untrusted_types(data=data) == []
    estimator = skops.io.loads(data, trusted=[])
    np.testing.assert_allclose(estimator.predict_proba(X), probe.probabilities(X), atol=1e-9)
    likeliest = np.array(probe.classes)[probe.probabilities(X).argmax(axis=1)]
    assert (estimator.predict(X) == likeliest).all()
    assert tuple(estimator.classes_) == probe.classes


@pytest.mark.parametrize("kind", KINDS)
def test_the_scikit_learn_file_is_the_same_bytes_wherever_and_whenever_it_is_made(kind, monkeypatch):
    probe, X = packed_probe(*kind), massive(4)
    first = skops_bytes(probe, X)
    kept = [np.zeros(3) for _ in range(1_000)]  # later parts stand elsewhere in memory
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 5, 4, 3, 2, 1, 0, 124, 0))
    assert skops_bytes(probe, X) == first
    assert len(kept) == 1_000


def test_the_decision_function_is_the_calibrated_log_odds():
    probe, X = packed_probe(*KINDS[0]), massive(9)
    np.testing.assert_allclose(
        as_estimator(probe).decision_function(X), 0.6 * probe.scores(X) - 0.4, rtol=1e-9
    )


@pytest.mark.parametrize("form", [onnx_bytes, skops_bytes])
def test_a_mass_mean_probe_without_calibration_has_no_such_form(form):
    probe = packed_probe(*KINDS[4], calibrated=False)
    with pytest.raises(ProbeFileError, match="no log-odds"):
        form(probe, massive(2))


@pytest.mark.parametrize(
    ("form", "extra", "hint"),
    [(onnx_bytes, "onnxruntime", r"\.\[onnx\]"), (skops_bytes, "skops", r"\.\[skops\]")],
)
def test_a_missing_extra_is_one_sentence_that_says_what_to_install(monkeypatch, form, extra, hint):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == extra:
            raise ModuleNotFoundError(f"No module named {extra!r}", name=extra)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ProbeFileError, match=f"needs {extra}; run: pip install '{hint}'"):
        form(packed_probe(*KINDS[0]), massive(2))
