"""A probe as plain numbers, against scikit-learn and closed forms, and which model it fits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from unsinter.probes.calibration import Calibration
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights

IDENTITY = {
    "weights": "w" * 64, "config": "c" * 64, "tokenizer": "t" * 64, "chat_template": "p" * 64,
    "dtype": "bfloat16", "attention": "sdpa", "hook_site": "block_output_pre_norm",
}  # fmt: skip
CARD = {"target": "D", "model": {"name": "tiny", **IDENTITY}, "layer": 2, "position": "template_end"}


@pytest.fixture(params=[2, 3])
def labelled(request):
    rng = np.random.default_rng(request.param)
    y = np.arange(90) % request.param
    return rng.normal(size=(90, 4)) + y[:, None] * [2, -1, 0, 0.5], np.array(["a", "b", "c"])[y]


def linear(**changes):
    parts = {"layers": ((np.array([[1.0, -2.0]]), np.array([0.5])),), "classes": ("no", "yes"), "card": CARD}
    return ProbeWeights(**parts | changes)


def test_a_linear_probe_gives_scikit_learns_numbers(labelled):
    X, y = labelled
    fitted = LogisticRegression().fit(X, y)
    classes = tuple(map(str, fitted.classes_))
    probe = linear(
        layers=((fitted.coef_, fitted.intercept_),),
        classes=classes,
        threshold=0.0 if len(classes) == 2 else None,
    )
    np.testing.assert_allclose(probe.scores(X), fitted.decision_function(X), atol=1e-10)
    np.testing.assert_allclose(probe.probabilities(X), fitted.predict_proba(X), atol=1e-10)
    assert (probe.decisions(X) == fitted.predict(X)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_gives_scikit_learns_numbers(labelled):
    X, y = labelled
    fitted = MLPClassifier((6, 5), max_iter=30, random_state=0).fit(X, y)
    classes = tuple(map(str, fitted.classes_))
    probe = linear(
        layers=tuple((w.T, b) for w, b in zip(fitted.coefs_, fitted.intercepts_, strict=True)),
        classes=classes, family="mlp", threshold=0.0 if len(classes) == 2 else None,
    )  # fmt: skip
    np.testing.assert_allclose(probe.probabilities(X), fitted.predict_proba(X), atol=1e-10)
    assert (probe.decisions(X) == fitted.predict(X)).all()


def test_calibration_of_two_classes_is_platts_sigmoid():
    X = np.random.default_rng(0).normal(size=(9, 2))
    probe = linear(family="mass_mean", calibration=Calibration(slope=0.7, intercept=-1.5))
    expected = expit(0.7 * (X @ [1.0, -2.0] + 0.5) - 1.5)
    np.testing.assert_allclose(probe.probabilities(X), np.column_stack([1 - expected, expected]), atol=1e-12)


def test_calibration_of_many_classes_is_a_temperature():
    X = np.random.default_rng(0).normal(size=(9, 2))
    weight = np.arange(6.0).reshape(3, 2)
    parts = {"layers": ((weight, np.ones(3)),), "classes": ("a", "b", "c"), "threshold": None}
    probe = linear(**parts, calibration=Calibration(slope=0.25))
    np.testing.assert_allclose(probe.probabilities(X), softmax(0.25 * (X @ weight.T + 1), axis=1), atol=1e-12)


def test_scores_far_from_zero_overflow_nothing():
    X = np.array([[1e5, 0.0], [-1e5, 0.0]])
    np.testing.assert_array_equal(linear().probabilities(X), [[0, 1], [1, 0]])


def test_the_threshold_decides_and_is_itself_no_yes():
    probe = linear(layers=((np.array([[1.0, 0.0]]), np.zeros(1)),), threshold=1.5)
    X = np.array([[1.4, 0], [1.5, 0], [1.6, 0]])
    assert probe.decisions(X).tolist() == ["no", "no", "yes"]


@pytest.mark.parametrize("family", ["ridge", "mass_mean"])
def test_scores_that_are_no_log_odds_have_no_probabilities(family):
    probe = linear(family=family)
    assert not probe.has_probabilities
    with pytest.raises(ProbeFileError, match=f"scores of a {family} probe are no log-odds"):
        probe.probabilities(np.ones((1, 2)))


def test_a_class_that_no_row_had_never_wins():
    bias = np.array([0.0, -np.inf, 0.0])
    probe = linear(layers=((np.zeros((3, 2)), bias),), classes=("a", "b", "c"), threshold=None)
    np.testing.assert_allclose(probe.probabilities(np.ones((1, 2))), [[0.5, 0, 0.5]])


@pytest.mark.parametrize("shape", [(2, 3), (2,), (1, 2, 2)])
def test_activations_of_another_shape_are_refused(shape):
    with pytest.raises(ProbeFileError, match="width 2, got shape"):
        linear().scores(np.ones(shape))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"classes": ("a",)}, "two or more different classes"),
        ({"classes": ("a", "a")}, "two or more different classes"),
        ({"family": "forest"}, "'forest' is none of"),
        ({"layers": ()}, "no weights"),
        ({"layers": ((np.ones((1, 2)), np.ones(2)),)}, "do not go together"),
        ({"layers": ((np.ones((3, 2)), np.ones(3)), (np.ones((1, 4)), np.ones(1)))}, "reads 4 numbers"),
        ({"layers": ((np.full((1, 2), np.nan), np.ones(1)),)}, "NaN or inf"),
        ({"layers": ((np.ones((1, 2)), np.array([-np.inf])),)}, "NaN or inf"),
        ({"layers": ((np.ones((2, 2)), np.ones(2)),)}, "2 outputs for 2 classes"),
        ({"threshold": None}, "needs a finite threshold"),
        ({"threshold": float("inf")}, "needs a finite threshold"),
        ({"classes": ("a", "b", "c"), "layers": ((np.ones((3, 2)), np.ones(3)),)}, "threshold must be None"),
        ({"calibration": Calibration(slope=float("nan"))}, "not finite"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(changes, match):
    with pytest.raises(ProbeFileError, match=match):
        linear(**changes)


def test_a_probe_fits_its_own_model_site_and_width_whatever_the_attention_implementation():
    linear().check_fits(identity=IDENTITY, layer=2, position="template_end", d_model=2)
    linear().check_fits(identity=IDENTITY | {"attention": "eager"})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"layer": 3}, "layer 3 where the probe has 2"),
        ({"position": "instruction_end"}, "position 'instruction_end' where the probe has 'template_end'"),
        ({"d_model": 4}, "width 4 where the probe has 2"),
        ({"identity": IDENTITY | {"weights": "z" * 64}}, r"another weights \(zzzzzzzzzzzz, the probe's wwww"),
        ({"identity": IDENTITY | {"chat_template": ""}}, r"another chat template \(none, "),
        ({"identity": IDENTITY | {"tokenizer": "z"}}, "another tokenizer"),
        ({"identity": IDENTITY | {"config": "z"}}, "another config"),
        ({"identity": IDENTITY | {"hook_site": "z"}}, "another hook site"),
        (
            {"identity": IDENTITY | {"dtype": "float32"}},
            "in float32, the probe's in bfloat16 .load it in bfloat16",
        ),
    ],
)
def test_each_thing_that_must_match_is_named_when_it_does_not(changes, match):
    with pytest.raises(ProbeFileError, match=f"the probe for D of tiny does not fit: .*{match}"):
        linear().check_fits(**changes)


def test_everything_that_differs_is_named_in_one_sentence():
    with pytest.raises(ProbeFileError) as refused:
        linear().check_fits(identity=IDENTITY | {"weights": "z", "tokenizer": "z"}, layer=7, d_model=9)
    assert all(part in str(refused.value) for part in ("weights", "tokenizer", "layer 7", "width 9"))


def test_a_probe_of_bare_text_does_not_mind_the_chat_template():
    bare = linear(card={**CARD, "template": "raw"})
    bare.check_fits(identity=IDENTITY | {"chat_template": "z"})
    with pytest.raises(ProbeFileError, match="another tokenizer"):
        bare.check_fits(identity=IDENTITY | {"tokenizer": "z"})


def test_a_card_without_a_model_fits_none():
    with pytest.raises(ProbeFileError, match="its card names no model"):
        replace(linear(), card={}).check_fits(identity=IDENTITY)
