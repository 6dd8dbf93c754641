"""The README of an exported probe, in the Hugging Face layout of a model card."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from unsinter.probes.files.exported import ProbeWeights
from unsinter.probes.files.markdown import code_span, plain_text
from unsinter.probes.files.measured import MEASURED, measured_words
from unsinter.studies.export.probe_facts import ProbeFacts

_METRIC = {"auroc": ("roc_auc", "AUROC"), "macro_f1": ("f1", "macro-F1")}


def probe_readme(probe: ProbeWeights, facts: ProbeFacts, *, beside: Sequence[str]) -> str:
    """Return the card's text: what the probe is and is not, how good it is, and how to load it.

    ``beside`` names the other forms of the probe in the folder.
    """
    template = resources.files("unsinter.studies.export") / "probe_card.jinja"
    with resources.as_file(template) as path:
        card = ModelCard.from_template(
            _front_matter(probe, facts),
            template_path=str(path),
            probe=probe,
            facts=facts,
            card=probe.card,
            code=code_span,
            plain=plain_text,
            beside=beside,
            measured=measured_rows(facts.row),
            has_probabilities=probe.has_probabilities,
            positive=probe.classes[-1] if probe.is_binary else None,
        )
    return f"{str(card).rstrip()}\n"


def measured_rows(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, value) of every measured quantity, the score first, intervals beside their value."""
    metric = _METRIC.get(str(row.get("metric")), ("", str(row.get("metric"))))[1]
    rows = (
        [(f"{metric} on held-out groups", _with_interval(row, "score"))]
        if row.get("score") is not None
        else []
    )
    for name in MEASURED:
        if row.get(name) is not None:
            rows.append((measured_words(name, str(row.get("floor_name"))), _with_interval(row, name)))
    counts = [f"{row[n]:,} {w}" for n, w in _COUNTS.items() if row.get(n) is not None]
    return [*rows, ("rows", ", ".join(counts))] if counts else rows


_COUNTS = {"n_train": "training", "n_test": "held out", "groups_test": "groups held out"}


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = "" if low is None or high is None else f" (95 % {low:.3f} to {high:.3f})"
    return f"{row[name]:.3f}{interval}"


def _front_matter(probe: ProbeWeights, facts: ProbeFacts) -> ModelCardData:
    kind, words = _METRIC.get(str(facts.row.get("metric")), ("", ""))
    score = facts.row.get("score")
    result = EvalResult(
        task_type="text-classification",
        task_name="probing",
        dataset_type=facts.study,
        dataset_name=f"{facts.study}, held-out groups",
        dataset_revision=facts.split_digest,
        metric_type=kind,
        metric_name=words,
        metric_value=score,
    )
    return ModelCardData(
        library_name="unsinter",
        tags=["probe", "interpretability", "refusal", probe.family],
        model_name=f"{facts.target} of {facts.model}, layer {facts.layer} at {facts.position}",
        base_model=facts.base_model,
        eval_results=[result] if kind and score is not None else None,
        data_licences=sorted({str(entry["licence"]) for entry in facts.licences}) or ["unknown"],
    )
