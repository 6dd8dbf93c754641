import numpy as np
import pytest

from unsinter.probes import LogisticProbe
from unsinter.probes.export import load_probe
from unsinter.studies.export import export_probe
from unsinter.studies.model_study import ChosenProbe, ModelOutcome
from unsinter.studies.sweep import SiteFit, logits
from unsinter.studies.targets import Target


@pytest.mark.parametrize(
    "classes",
    [("harmless", "harmful"), ("compliance", "refusal"), ("fraud", "privacy", "theft")],
)
def test_an_exported_probe_scores_as_the_study_did_with_the_second_class_positive(tmp_path, classes):
    """``harmless`` sorts after ``harmful``: scikit-learn's own positive class is the wrong one."""
    rng = np.random.default_rng(0)
    labels = np.array(classes)[np.arange(120) % len(classes)]
    X = rng.normal(size=(120, 6)) + 2.0
    for axis, name in enumerate(classes):
        X[labels == name, axis] += 2
    target = Target(name="D", labels=labels, classes=classes)
    probe = LogisticProbe().fit(X, labels)
    fit = SiteFit(site=(2, "template_end"), penalty=0.1, inner_score=1.0, probe=probe,
                  scores=logits(probe, X, target), control_score=0.5, converged=True)  # fmt: skip
    outcome = ModelOutcome(name="tiny", identity={}, extraction={}, cells={})
    summary = {"models": {"tiny": {"selected": [{"target": "D", "score": 1.0}]}},
               "split_digest": "0", "seed": 0, "versions": {}}  # fmt: skip
    loaded = load_probe(
        export_probe(tmp_path, ChosenProbe(target=target, fit=fit, examples=X[:8]), outcome, summary)
    )
    np.testing.assert_allclose(loaded.scores(X), fit.scores, atol=1e-4)
    assert loaded.classes == classes
    if len(classes) == 2:
        assert ((loaded.scores(X) > 0) == (labels == classes[1])).mean() > 0.9
