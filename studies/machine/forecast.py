"""What a study would need of this machine before any of it is computed: memory, disk, time."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from unsinter.features.model.memory import MemoryEstimate
from unsinter.studies.machine.device_speed import Device
from unsinter.studies.machine.predicted import Forecast
from unsinter.studies.machine.step_seconds import (
    READING,
    START,
    Work,
    across_seconds,
    causal_passes,
    comparing_seconds,
    held_out_seconds,
    judging_seconds,
    probing_seconds,
    record_seconds,
    transfer_seconds,
)
from unsinter.studies.study.file import Study
from unsinter.studies.study.targets import definition_of

_CHARACTERS_PER_TOKEN = 4.0
_TEMPLATE_TOKENS = 12
_CLASSES = 4
"""Classes of a factor whose labels are not known beforehand: wordings, and targets of a study's own."""

_DECODE_ROWS = 64
"""Answers written side by side; each step of them reads all weights once."""

_SHARE_OF_PRODUCT = 0.7
"""Speed of a model's passes, as a share of that of one large matrix product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A model as its config describes it.

    Attributes
    ----------
    n_parameters, n_block_parameters : all, and those outside the embeddings, which every token passes.
    """

    n_parameters: int
    n_block_parameters: int
    n_layers: int
    d_model: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSize:
    """How many prompts a study has, and how long they are.

    Attributes
    ----------
    n_characters : of all prompts together.
    n_text_tokens : the same in tokens; None where no tokenizer is at hand.
    n_template_tokens : what the chat template adds to each.
    n_shared_tokens : of these, what stands before every prompt alike: read once for the answers, and
        under each change of a causal check.
    n_topics, n_sources : topics, or categories of harm, and sources that have as many prompts as the study
        asks for.
    """

    n_prompts: int
    n_characters: int
    n_text_tokens: int | None = None
    n_template_tokens: int = _TEMPLATE_TOKENS
    n_shared_tokens: int = 0
    n_topics: int = _CLASSES
    n_sources: int = 1

    @property
    def n_tokens(self) -> float:
        """Tokens of all prompts as the model reads them."""
        text = self.n_characters / _CHARACTERS_PER_TOKEN if self.n_text_tokens is None else self.n_text_tokens
        return text + self.n_prompts * self.n_template_tokens

    @property
    def n_tokens_apart(self) -> float:
        """Tokens of all prompts, of which what they share counts once."""
        return self.n_tokens - max(self.n_prompts - 1, 0) * self.n_shared_tokens

    def scaled_to(self, n_prompts: int) -> "PromptSize":
        """Return the size of so many prompts of the same mean length."""
        share = n_prompts / max(self.n_prompts, 1)
        tokens = None if self.n_text_tokens is None else round(self.n_text_tokens * share)
        n_characters = round(self.n_characters * share)
        return replace(self, n_prompts=n_prompts, n_characters=n_characters, n_text_tokens=tokens)


def forecast(
    study: Study,
    shape: ModelShape,
    memory: MemoryEstimate,
    *,
    device: Device,
    cpu: Device,
    size: PromptSize,
) -> Forecast:
    """Return what one model of a study would need.

    Reading counts two operations per block parameter and token, twice where the random-weight control is on;
    answering reads the prompts once more, but for what they share, computes every new token, and reads the
    weights once per step of a batch; the rest is the processor's (`step_seconds`); a causal check reads them
    under every change, but for what they share. Tuning is not counted.
    """
    passes = 2 if study.controls.random_model else 1
    reading = 2 * shape.n_block_parameters * size.n_tokens / (_SHARE_OF_PRODUCT * device.flops)
    work = work_of(study, shape, size)
    return Forecast(
        weights=memory.weights,
        batch=memory.batch,
        cache=passes * work.n_sites * size.n_prompts * shape.d_model * memory.item,
        start_seconds=START * cpu.pace,
        record_seconds=record_seconds(work, cpu),
        reading_seconds=passes * reading,
        random_seconds=(passes - 1) * reading,
        answering_seconds=_answering(study, shape, memory, device, size),
        answers=_answers_from(study),
        probing_seconds=probing_seconds(work, cpu),
        judging_seconds=judging_seconds(work, cpu),
        across_seconds=across_seconds(work, cpu),
        transfer_seconds=transfer_seconds(work, cpu),
        held_out_seconds=held_out_seconds(work, cpu),
        causal_seconds=causal_passes(work)
        * (reading * size.n_tokens_apart / max(size.n_tokens, 1) + cpu.pace * READING * size.n_prompts),
        comparing_seconds=comparing_seconds(work, cpu),
    )


def work_of(study: Study, shape: ModelShape, size: PromptSize) -> Work:
    """Return how much the processor has to do for one model of a study."""
    contrasts, names = _contrasts(study, size), set(study.target_names)
    responses = study.responses
    n_samples = 0 if responses is None else 1 if responses.path else responses.samples
    n_rows = [n_samples if definition_of(target).counts_samples else 1 for target in study.targets]
    return Work(
        n_prompts=size.n_prompts,
        n_characters=size.n_characters,
        d_model=shape.d_model,
        n_passes=2 if study.controls.random_model else 1,
        n_answers=n_samples * size.n_prompts,
        n_sites=count_sites(study, shape),
        n_targets=sum(n_rows),
        n_contrasts=sum(contrasts),
        n_erased=sum(min(n, study.separation.erased_contrasts) for n in contrasts),
        has_transfer=bool(study.transfer) and "D" in study.target_names and size.n_topics > 1,
        has_across=bool(study.separation.pairs) and {"D", "W"} <= names,
        n_held_out=sum({"category": size.n_topics, "source": size.n_sources}[kind] for kind in study.hold_out)
        if "D" in names
        else 0,
        n_changes=_changes(study, size),
        n_other_models=len(study.models) - 1,
    )


def _changes(study: Study, size: PromptSize) -> int:
    """Return in how many ways each held-out prompt is read by the causal check: unchanged, and under every
    direction at its own site, and once for each category's."""
    if study.causal is None or not {"D", "R"} & set(study.target_names):
        return 0
    factors = [name for name in ("D", "R", "C") if name in study.target_names]
    contrasts = {"C": size.n_topics}
    per_site = [
        1
        + 3 * contrasts.get(name, 1)
        + max(study.causal.permuted, contrasts.get(name, 1))
        + study.causal.random
        for name in factors
    ]
    return sum(per_site) + 1 + size.n_topics


def _contrasts(study: Study, size: PromptSize) -> list[int]:
    """Return how many contrasts each pair of a study has whose targets it names."""
    names = {*study.target_names, "topic"}
    classes = {"D": 1, "R": 1, "C": size.n_topics, "topic": size.n_topics}
    pairs = [pair.split("-", 1) for pair in study.separation.pairs]
    return [classes.get(z, _CLASSES) * classes.get(w, _CLASSES) for z, w in pairs if names.issuperset((z, w))]


def _answers_from(study: Study) -> str:
    if study.responses is None:
        return ""
    return "by the server, whose time is not counted" if study.responses.endpoint else "recorded"


def _answering(
    study: Study, shape: ModelShape, memory: MemoryEstimate, device: Device, size: PromptSize
) -> float:
    """Return the seconds that a model's own answers take; none where they are recorded, or of a server."""
    if study.responses is None or study.responses.path or study.responses.endpoint:
        return 0.0
    n_new, n_answers = study.responses.max_new_tokens, size.n_prompts * study.responses.samples
    operations = (
        2 * shape.n_block_parameters * size.n_tokens_apart * study.responses.samples
        + 2 * memory.n_parameters * n_answers * n_new
    )
    steps = -(-n_answers // _DECODE_ROWS) * n_new
    arithmetic = operations / (_SHARE_OF_PRODUCT * device.flops)
    return arithmetic + steps * memory.weights / device.bytes_per_second


def shape_of(config: Any) -> ModelShape:
    """Count parameters of a transformers config without making any: the model is built on the meta device."""
    from transformers import AutoModel

    with torch.device("meta"):
        model = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    everything = sum(parameter.numel() for parameter in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()
    text = config.get_text_config()
    return ModelShape(
        n_parameters=everything,
        n_block_parameters=everything - embedding,
        n_layers=text.num_hidden_layers,
        d_model=text.hidden_size,
    )


def count_sites(study: Study, shape: ModelShape) -> int:
    """Return at how many layers and positions a study reads a model of this shape."""
    n_layers = shape.n_layers + 1 if study.layers == "all" else len(study.layers)
    return n_layers * len(study.positions)
