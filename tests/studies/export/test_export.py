"""A finished run's probes as files: the folder, its README, and what the run measured."""

import contextlib
import hashlib
import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import skops.io
from huggingface_hub import ModelCard

from unsinter.features.records.record import PromptRecord
from unsinter.probes.calibration import Calibration
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeFileError
from unsinter.studies.export.export import export_site, write_site_probe
from unsinter.studies.export.probe_card import measured_rows
from unsinter.studies.export.probe_facts import data_licences, make_facts
from unsinter.studies.store.site_weights import SiteWeights
from unsinter.studies.study.file import StudyError

IDENTITY = {
    "weights": "w" * 64, "config": "c" * 64, "tokenizer": "t" * 64, "chat_template": "",
    "dtype": "float32", "attention": "sdpa", "hook_site": "block_output_pre_norm",
}  # fmt: skip
ROW = {
    "model": "tiny", "target": "D", "classes": 2, "metric": "auroc", "family": "logistic",
    "layer": np.int64(3), "position": "template_end", "penalty": 0.01,
    "score": np.float64(0.91), "score_low": 0.85, "score_high": 0.95,
    "floor": 0.96, "floor_name": "words", "gain": -0.05, "gain_low": -0.09, "gain_high": -0.01,
    "beats_floor": np.bool_(False), "control": 0.51, "threshold": 0.75, "calibration_slope": 0.5,
    "calibration_intercept": -0.25, "selected": True, "tuned": False, "n_train": 1200, "n_test": 400,
    "groups_test": 200, "p_value": float("nan"),
}  # fmt: skip
SUMMARY = {
    "study": "small", "seed": 4, "split_digest": "5" * 64, "versions": {"unsinter": "0.1.0"},
    "models": {"tiny": {"identity": IDENTITY}},
    "licences": [{"source": "benchmark|a", "licence": "MIT", "prompts": 20}],
}  # fmt: skip
EVERY = ("safetensors", "onnx", "sklearn")


def make_site(*, classes=("harmless", "harmful"), hidden=(), seed=0, **changes):
    rng = np.random.default_rng(seed)
    widths = [6, *hidden, 1 if len(classes) == 2 else len(classes)]
    layers = tuple((rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in pairwise(widths))
    parts = {"layer": 3, "position": "template_end", "family": "mlp" if hidden else "logistic"}
    return SiteWeights(
        **parts | {"classes": classes, "layers": layers, "examples": rng.normal(size=(5, 6))} | changes
    )


def facts_of(site, **changes):
    row = ROW | {"layer": site.layer, "family": site.family, "classes": len(site.classes)} | changes
    if len(site.classes) > 2:
        row |= {"threshold": float("nan"), "calibration_intercept": float("nan"), "metric": "macro_f1"}
    return make_facts(SUMMARY, row, path="someone/tiny-chat", template="chat")


@pytest.mark.parametrize(
    "site",
    [
        make_site(),
        make_site(classes=("c", "a", "b")),
        make_site(hidden=(4, 3)),
        make_site(classes=("c", "a", "b"), hidden=(4,)),
    ],
    ids=["linear", "linear-3", "mlp", "mlp-3"],
)
def test_all_forms_in_the_folder_agree(tmp_path, site):
    files = export_site(tmp_path, site, facts_of(site), EVERY)
    folder = files[0].parent
    assert folder.name == f"tiny-D-layer03-template_end{'' if site.family == 'logistic' else '-mlp'}"
    assert {path.name for path in files} == {path.name for path in folder.iterdir()} == {
        "probe.safetensors", "probe.json", "probe.onnx", "probe.skops", "README.md",
    }  # fmt: skip
    probe = load_probe(folder / "probe.safetensors")
    X = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    session = onnxruntime.InferenceSession(folder / "probe.onnx", providers=["CPUExecutionProvider"])
    scores, probabilities = session.run(None, {"activations": X})
    np.testing.assert_allclose(scores, probe.scores(X), atol=1e-5)
    np.testing.assert_allclose(probabilities, probe.probabilities(X), atol=1e-5)
    estimator = skops.io.load(folder / "probe.skops", trusted=[])
    np.testing.assert_allclose(estimator.predict_proba(X), probe.probabilities(X), atol=1e-6)


def test_the_card_holds_what_the_run_knows_and_digests_of_its_neighbours(tmp_path):
    folder = export_site(tmp_path, make_site(), facts_of(make_site()), EVERY)[0].parent
    card = json.loads((folder / "probe.json").read_text())
    assert card["measured"]["score_low"] == 0.85
    assert card["measured"]["p_value"] is None
    assert card["measured"]["control"] == 0.51
    assert (card["measured"]["floor"], card["measured"]["floor_name"]) == (0.96, "words")
    assert (card["threshold"], card["calibration"]) == (0.75, {"slope": 0.5, "intercept": -0.25})
    assert card["model"] == {"name": "tiny", **IDENTITY}
    assert (card["layer"], card["position"], card["template"]) == (3, "template_end", "chat")
    assert (card["split_digest"], card["licences"]) == (SUMMARY["split_digest"], SUMMARY["licences"])
    for name in ("probe.onnx", "probe.skops"):
        assert card["beside"][name] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_weights_that_carry_their_own_threshold_and_calibration_keep_them(tmp_path):
    site = make_site(threshold=-2.0, calibration=Calibration(slope=3.0))
    probe = load_probe(write_site_probe(tmp_path, site, facts_of(site)))
    assert (probe.threshold, probe.calibration) == (-2.0, Calibration(slope=3.0))
    bare = facts_of(site, threshold=float("nan"), calibration_slope=float("nan"))
    probe = load_probe(write_site_probe(tmp_path, make_site(), bare))
    assert (probe.threshold, probe.calibration) == (0.0, None)


@pytest.mark.parametrize("site", [make_site(), make_site(hidden=(4,)), make_site(classes=("c", "a", "b"))])
def test_every_python_example_of_the_readme_runs(tmp_path, site, capsys):
    folder = export_site(tmp_path, site, facts_of(site))[0].parent
    examples = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    assert len(examples) == 2
    with contextlib.chdir(folder):
        for example in examples:
            exec(compile(example, "README.md", "exec"), {})
    assert float(capsys.readouterr().out.strip().splitlines()[-1]) < 1e-9


def test_the_readme_is_a_model_card_that_says_what_the_probe_is_and_is_not(tmp_path):
    folder = export_site(tmp_path, make_site(), facts_of(make_site()), ("onnx",))[0].parent
    text = (folder / "README.md").read_text()
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "unsinter"
    assert card.data.base_model == "someone/tiny-chat"
    assert card.data.data_licences == ["MIT"]
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("roc_auc", 0.91)
    for part in ("0.910 (95 % 0.850 to 0.950)", "text floor (words)", "0.960", "control", "0.510",
                 "It does not beat the text floor", "correlational", "score > 0.75", "5" * 64, "w" * 64,
                 r"benchmark\|a | MIT | 20", "probe.onnx", "training distribution"):  # fmt: skip
        assert part in text, part
    assert "probe.skops" not in text


def test_a_site_that_somebody_picked_is_called_that(tmp_path):
    site = make_site()
    for is_selected, words in [
        (True, "chosen inside the training rows"),
        (False, "its own score is flattering"),
    ]:
        folder = export_site(tmp_path / words[:4], site, facts_of(site, selected=is_selected))[0].parent
        assert words in (folder / "README.md").read_text()


def test_a_model_on_this_disk_is_not_named_by_its_path(tmp_path):
    facts = make_facts(SUMMARY, ROW, path="/somewhere/private/models/tiny", template="auto")
    folder = export_site(tmp_path, make_site(), facts)[0].parent
    assert all(
        "/somewhere/private" not in path.read_text() for path in (folder / "README.md", folder / "probe.json")
    )


def test_an_uncalibrated_ridge_probe_is_exported_as_numbers_alone(tmp_path, capsys):
    site = make_site(family="ridge")
    facts = facts_of(site, calibration_slope=float("nan"))
    for name in ("onnx", "sklearn"):
        with pytest.raises(ProbeFileError, match="no log-odds"):
            export_site(tmp_path, site, facts, (name,))
    assert not list(tmp_path.iterdir())
    folder = export_site(tmp_path, site, facts)[0].parent
    text = (folder / "README.md").read_text()
    assert "it has no probabilities" in text
    with contextlib.chdir(folder):
        for example in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
            exec(compile(example, "README.md", "exec"), {})


def test_a_form_of_other_weights_is_never_left_beside_new_ones(tmp_path):
    site, other = make_site(), make_site(seed=7)
    folder = export_site(tmp_path, site, facts_of(site), EVERY)[0].parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(StudyError, match=r"probe\.onnx holds other weights"):
        export_site(tmp_path, other, facts_of(other))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    export_site(tmp_path, site, facts_of(site))
    export_site(tmp_path, other, facts_of(other), EVERY)
    load_probe(folder / "probe.safetensors")


def test_an_unknown_format_and_weights_that_do_not_go_together_are_refused_before_anything_is_written(
    tmp_path,
):
    with pytest.raises(
        StudyError, match="--format takes safetensors, onnx, sklearn, separated by commas; got 'gguf'"
    ):
        export_site(tmp_path, make_site(), facts_of(make_site()), ("gguf",))
    with pytest.raises(ProbeFileError, match="2 classes"):
        export_site(
            tmp_path, replace(make_site(classes=("a", "b", "c")), classes=("a", "b")), facts_of(make_site())
        )
    assert not list(tmp_path.iterdir())


def test_licences_are_counted_by_source():
    records = [
        PromptRecord(id=str(i), prompt="x", source=source, licence=licence)
        for i, (source, licence) in enumerate([("b", "MIT"), ("a", None), ("b", "MIT"), (None, "CC0-1.0")])
    ]
    assert data_licences(records) == [
        {"source": "a", "licence": "unknown", "prompts": 1},
        {"source": "b", "licence": "MIT", "prompts": 2},
        {"source": "unknown", "licence": "CC0-1.0", "prompts": 1},
    ]


def test_the_card_calls_the_control_task_and_not_shuffled_labels_what_the_column_control_holds():
    (row,) = measured_rows({"control": 0.513})
    assert row == ("control task: same site, random labels per group", "0.513")
