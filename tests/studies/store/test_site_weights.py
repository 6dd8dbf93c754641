"""The store of every site's weights: a site comes back to the bit, a wrong or changed one never."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.probes.calibration import Calibration
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.sweep import SitePlan, fit_site
from unsinter.studies.probing.target import site_weights
from unsinter.studies.store.site_weights import SiteWeights, read_weights, weights_file, write_weights
from unsinter.studies.study.file import StudyError

ABOUT = {"split_digest": "s", "weights": "w"}


def make_site(layer, position, *, family="logistic", classes=("a", "b"), hidden=(), **changes):
    rng = np.random.default_rng(layer)
    widths = [5, *hidden, 1 if len(classes) == 2 else len(classes)]
    sizes = list(pairwise(widths))
    layers = tuple((rng.normal(size=(n, m)).astype("f4"), rng.normal(size=n).astype("f4")) for m, n in sizes)
    return SiteWeights(
        layer=layer, position=position, family=family, classes=classes, layers=layers,
        examples=rng.normal(size=(3, 5)).astype("f4"), **changes,
    )  # fmt: skip


SITES = [
    make_site(0, "template_end"),
    make_site(3, "template_end", threshold=0.5, calibration=Calibration(slope=2.0, intercept=0.25)),
    make_site(3, "instruction_end", classes=("x", "y", "z")),
    make_site(3, "template_end", family="mlp", hidden=(4, 3), is_tuned=True),
    make_site(5, "template_end"),
    make_site(5, "template_end", family="mass_mean"),
]


@pytest.fixture
def stored(tmp_path):
    path = weights_file(tmp_path, model="tiny", target="D")
    write_weights(path, SITES, about=ABOUT)
    return path


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_every_site_is_read_back_as_it_was_written(stored, site):
    result = read_weights(stored, layer=site.layer, position=site.position, tuned=site.is_tuned,
                         family=site.family, about=ABOUT)  # fmt: skip
    np.testing.assert_array_equal(result.examples, site.examples)
    for (weight, bias), (w, b) in zip(result.layers, site.layers, strict=True):
        np.testing.assert_array_equal(weight, w)
        np.testing.assert_array_equal(bias, b)
    for name in ("layer", "position", "family", "classes", "threshold", "calibration", "is_tuned"):
        assert getattr(result, name) == getattr(site, name)


def test_a_site_that_is_not_there_is_answered_with_those_that_are(stored):
    with pytest.raises(StudyError) as refused:
        read_weights(stored, layer=4, position="template_end")
    assert "layer 4 at template_end is not among the sites it holds" in str(refused.value)
    assert "layers 0, 3, 5 at template_end (logistic)" in str(refused.value)
    assert "layers 3 at template_end (mlp, tuned)" in str(refused.value)
    with pytest.raises(StudyError, match="tuned, is not among"):
        read_weights(stored, layer=0, position="template_end", tuned=True)


def test_several_families_at_one_site_are_told_apart_by_name_only(stored):
    with pytest.raises(StudyError, match="families logistic, mass_mean; name one with --family"):
        read_weights(stored, layer=5, position="template_end")


def test_weights_of_another_run_are_refused(stored):
    with pytest.raises(StudyError, match="weights of another run"):
        read_weights(stored, layer=0, position="template_end", about=ABOUT | {"split_digest": "t"})


def test_a_site_fitted_twice_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"layer 0 at template_end \(logistic\) was fitted twice"):
        write_weights(tmp_path / "w.safetensors", [SITES[0], SITES[0]], about=ABOUT)


def test_a_missing_or_foreign_file_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    for content in (None, b"", b"x" * 100, json.dumps({"a": 1}).encode()):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(StudyError, match=r"w\.safetensors: "):
            read_weights(path, layer=0, position="template_end")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_gives_an_error_or_the_very_same_weights(stored, data):
    """The site's own bytes are digested; other sites' bytes are not read and do not matter to it."""
    good = stored.read_bytes()
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    stored.write_bytes(bad)
    expected = SITES[1]
    try:
        result = read_weights(stored, layer=3, position="template_end", about=ABOUT)
    except StudyError:
        return
    finally:
        stored.write_bytes(good)
    np.testing.assert_array_equal(result.layers[0][0], expected.layers[0][0])
    np.testing.assert_array_equal(result.layers[0][1], expected.layers[0][1])
    assert (result.threshold, result.calibration) == (expected.threshold, expected.calibration)


def test_no_changed_bit_of_the_header_ends_in_anything_but_an_error_or_the_same_weights(stored):
    good = stored.read_bytes()
    header = 8 + int.from_bytes(good[:8], "little")
    for place in range(0, header, 3):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 7
        stored.write_bytes(bad)
        try:
            read = read_weights(stored, layer=3, position="template_end", about=ABOUT)
        except StudyError:
            continue
        np.testing.assert_array_equal(read.layers[0][0], SITES[1].layers[0][0])
        assert (read.threshold, read.calibration) == (SITES[1].threshold, SITES[1].calibration)


@pytest.mark.parametrize(
    "classes", [("harmless", "harmful"), ("compliance", "refusal"), ("fraud", "privacy", "theft")]
)
def test_a_fit_becomes_weights_with_the_targets_second_class_positive(classes):
    """``harmless`` sorts after ``harmful``: scikit-learn's own positive class is the wrong one."""
    rng = np.random.default_rng(0)
    labels = np.array(classes)[np.arange(120) % len(classes)]
    X = rng.normal(size=(120, 6)) + 2.0
    for axis, name in enumerate(classes):
        X[labels == name, axis] += 2
    target = Target(name="D", labels=labels, classes=classes)
    rows = Rows(train=np.arange(80), test=np.arange(80, 120), inner=np.arange(80) // 27)
    plan = SitePlan(
        target=target,
        rows=rows,
        weights=np.ones(120),
        family="logistic",
        penalties=(0.1,),
        shuffled=(),
        control=None,
        code=None,
    )
    fit = fit_site(X, (2, "template_end"), plan)
    weights = site_weights(fit, target)
    assert weights.classes == (classes if len(classes) == 2 else tuple(sorted(classes)))
    assert weights.calibration.slope == fit.operation.calibration.slope
    X, labels = X[rows.test], labels[rows.test]
    ((weight, bias),) = weights.layers
    scores = X @ weight.T + bias
    np.testing.assert_allclose(scores[:, 0] if len(classes) == 2 else scores, fit.scores, atol=1e-4)
    if len(classes) == 2:
        assert ((scores[:, 0] > 0) == (labels == classes[1])).mean() > 0.9
