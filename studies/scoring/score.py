"""What `unsinter score` does: an exported probe, its model and some texts in; a line per text out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from transformers import AutoTokenizer

from unsinter.cache import default_root
from unsinter.cache.location import expand_home, is_folder
from unsinter.features.extract.in_memory import read_site
from unsinter.features.model.adapter import adapter_digest, check_adapter
from unsinter.features.model.folder import check_folder
from unsinter.features.model.identity import text_identity
from unsinter.features.model.load_options import quantization_of
from unsinter.features.model.model import ChatModel, load_model
from unsinter.features.rendering.position_names import reads_answer
from unsinter.features.rendering.rendering import render, whole_identity
from unsinter.probes.arrays import FloatArray
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.studies.activations.saved_reading import SAVED
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.scoring.inputs import InputText, input_texts
from unsinter.studies.study.model_source import PromptContext, context_of
from unsinter.studies.study.run_options import Progress, silent
from unsinter.studies.study.sections import ModelSource

_SHOWN = 60
"""Characters of a text that its line repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredText:
    """One text and what the probe says of it.

    Attributes
    ----------
    scores : one score for two classes, else one per class.
    probabilities : one per class; None where the probe has none.
    """

    input_text: InputText
    classes: tuple[str, ...]
    scores: FloatArray
    probabilities: FloatArray | None
    decision: str

    def line(self) -> str:
        """Return score, probability, decision and the text's beginning, separated by tabs.

        Of two classes score and probability are those of the second; of more, those of the decision.
        """
        place = 1 if len(self.classes) == 2 else self.classes.index(self.decision)
        score = self.scores[0] if len(self.scores) == 1 else self.scores[place]
        probability = "-" if self.probabilities is None else f"{self.probabilities[place]:.4f}"
        text = " ".join(self.input_text.text.split())
        text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        return f"{score:.4f}\t{probability}\t{self.decision}\t{text}"

    def json_line(self) -> str:
        """Return everything as one line of JSON."""
        names = self.classes[1:] if len(self.classes) == 2 else self.classes
        table: dict[str, Any] = {
            "row": self.input_text.row,
            "id": self.input_text.id,
            "text": self.input_text.text,
            "scores": dict(zip(names, map(_number, self.scores), strict=True)),
            "probabilities": None
            if self.probabilities is None
            else dict(zip(self.classes, map(_number, self.probabilities), strict=True)),
            "decision": self.decision,
        }
        return json.dumps(table, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """What `unsinter score` was given; texts are from ``texts``, ``file``, or ``dash`` with ``stdin``."""

    probe: Path
    model: str
    texts: Sequence[str] = ()
    file: str | None = None
    dash: str | None = None
    stdin: BinaryIO
    as_json: bool = False
    adapter: str | None = None
    """Folder of the adapter that the probe's model had merged; its digest must be that one's."""


def score_verb(request: ScoreRequest, *, progress: Progress) -> list[str]:
    """Return one line per text, in order; whatever can be refused is refused before the weights are read."""
    probe = load_probe(request.probe)
    inputs = input_texts(request.texts, file=request.file, dash=request.dash, stdin=request.stdin)
    loaded = load_fitting_model(probe, request.model, adapter=request.adapter)
    scored = score_texts(probe, loaded, inputs, progress=progress)
    return [text.json_line() if request.as_json else text.line() for text in scored]


def load_fitting_model(probe: ProbeWeights, model: str, *, adapter: str | None = None) -> ChatModel:
    """Load the probe's model as its card says: dtype, bits, spread over devices, adapter merged.

    Raises
    ------
    ProbeFileError : the model is another one; a wrong tokenizer or template is told before weights are read.
    """
    # A name of our own: what follows "planted:" or "/" is no name of a study.
    folder = find_model(ModelSource(name="model", path=model))
    about = probe.card.get("model")
    if not isinstance(about, dict) or "weights" not in about:
        raise ProbeFileError(f"{probe.name}: its card names no model, so new text cannot be scored with it.")
    if about.get("hook_site") == SAVED:
        raise ProbeFileError(
            f"{probe.name} was fitted on saved activations, and how a text becomes such is not known here; "
            "score activations of the same kind: load_probe(...).scores(X)."
        )
    check_folder(folder)
    _check_adapter(probe, about, adapter)
    revision = None if is_folder(expand_home(folder)) else _revision(probe)
    template = probe_context(probe).template_text
    probe.check_fits(identity=_text_identity(folder, revision=revision, chat_template=template))
    loaded = load_model(
        folder,
        dtype=about["dtype"],
        device=str(about.get("device", "auto")),
        revision=revision,
        chat_template=template,
        quantization=quantization_of(about),
        device_map="auto" if about.get("device_map") else None,
        adapter=adapter,
        notes=default_root(),
    )
    probe.check_fits(identity=loaded.identity, d_model=loaded.d_model)
    return loaded


def _check_adapter(probe: ProbeWeights, about: Mapping[str, Any], adapter: str | None) -> None:
    """Refuse another adapter than the probe's model had, or one where it had none."""
    wanted = about.get("adapter")
    if wanted is None and adapter is not None:
        raise ProbeFileError(
            f"{probe.name} was fitted on a model without an adapter; leave out the one named ({adapter})."
        )
    if wanted is not None and adapter is None:
        raise ProbeFileError(
            f"{probe.name} was fitted on a model with an adapter merged (digest {str(wanted)[:16]}); name "
            "its folder (--adapter, or adapter=)."
        )
    if adapter is not None and (got := adapter_digest(check_adapter(adapter))) != wanted:
        raise ProbeFileError(
            f"{probe.name} does not fit: the adapter {adapter} has the digest {got[:16]} where the probe's "
            f"model had {str(wanted)[:16]}."
        )


def score_texts(
    probe: ProbeWeights, model: ChatModel, inputs: Sequence[InputText], *, progress: Progress = silent
) -> list[ScoredText]:
    """Return scores, probabilities and decisions of new texts at the probe's own layer and position.

    Raises
    ------
    ProbeFileError : the probe was fitted on another model, or reads response tokens, which a text has not.
    """
    probe.check_fits(identity=model.identity, d_model=model.d_model)
    layer, position = probe.card["layer"], str(probe.card["position"])
    if reads_answer(position):
        raise ProbeFileError(
            f"{probe.name} reads {position!r}, a token of the answer, which a prompt has not; "
            "score a generation with ProbeMonitor."
        )
    names = [(item.id or f"row {item.row}", item.text, item.conversation) for item in inputs]
    rendered = render(
        names,
        model,
        template=probe.card.get("template", "auto"),
        beside=probe_context(probe).beside,
        date=probe_date(probe),
    )
    probe.check_fits(identity=whole_identity(model, rendered))
    X = read_site(
        model,
        rendered,
        layer=layer,
        position=position,
        progress=lambda done, total: progress("texts", done, total),
    )
    return list(_scored(probe, X, inputs))


def probe_date(probe: ProbeWeights) -> str | None:
    """Return the day that the probe's chat template was shown; None for no clock, or an unknown day."""
    about = probe.card.get("model")
    return about.get("date") if isinstance(about, dict) else None


def probe_context(probe: ProbeWeights) -> PromptContext:
    """Return what stood around the probe's prompts.

    Raises
    ------
    ProbeFileError : a card that says nonsense.
    """
    try:
        return context_of(probe.card)
    except ValueError as error:
        raise ProbeFileError(f"{probe.name}: its card cannot be used, {error}; export it again.") from error


def _revision(probe: ProbeWeights) -> str | None:
    revision = (probe.card.get("context") or {}).get("revision")
    return revision if isinstance(revision, str) else None


def _scored(probe: ProbeWeights, X: FloatArray, inputs: Sequence[InputText]) -> Iterator[ScoredText]:
    scores = probe.scores(X)
    probabilities = probe.probabilities(X) if probe.has_probabilities else [None] * len(X)
    for item, row, odds, decision in zip(inputs, scores, probabilities, probe.decide(scores), strict=True):
        yield ScoredText(
            input_text=item,
            classes=probe.classes,
            scores=np.atleast_1d(row),
            probabilities=odds,
            decision=str(decision),
        )


def _text_identity(folder: str, *, revision: str | None, chat_template: str | None) -> dict[str, str]:
    """Return the digests of tokenizer and template alone; empty where only `load_model` can say why not."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, revision=revision or "main"
        )
        if chat_template is not None:
            tokenizer.chat_template = chat_template
        return text_identity(tokenizer)
    except Exception:  # the readers raise every kind; loading the model reads it again and says what is wrong
        return {}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
