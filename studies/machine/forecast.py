"""What a study would need of this machine before any of it is computed: memory, disk, time."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from unsinter.features.model.memory import MemoryEstimate
from unsinter.studies.machine.device_speed import Device
from unsinter.studies.machine.sizes import size_text
from unsinter.studies.study.file import Study

_CHARACTERS_PER_TOKEN = 4.0
_TEMPLATE_TOKENS = 12
_TEXT_SECONDS = 6e-3
"""Text floors with their penalties chosen, per prompt and target, as measured on one core."""

_SCORE_SECONDS = 2.3e-4
"""Bootstrap, controls and all else that grows with rows and not with width, per prompt, target and site."""

_JUDGING_PRODUCTS = 4.4
"""Operations, in units of n x d x min(n, d), of a verdict on one contrast at one site: .64 s of a core at
n = 2,000 and d = 2,304 (benchmarks/results/verdict_speed.json), taken to do .063 TFLOP/s."""

_TRANSFER_PRODUCTS = 16.8
"""The same of a transfer matrix: .14 s at n = 2,000, d = 512, ten categories (results/transfer.json)."""

_CONTRASTS = {"D": 1, "R": 1}
"""Contrasts of a factor of a pair; one per class of any other, of which there may be so many:"""

_CLASSES = 4

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
class Forecast:
    """Bytes and seconds; a rough guide (within a factor of two or three), not a promise."""

    weights: int
    batch: int
    cache: int
    reading_seconds: float
    random_seconds: float
    """Of reading, what the random-weight control takes."""

    answering_seconds: float
    probing_seconds: float
    judging_seconds: float
    transfer_seconds: float

    def lines(self) -> list[tuple[str, str]]:
        """Return (what, state) for a screen."""
        return [
            ("weights in memory", size_text(self.weights)),
            ("a batch in memory", f"about {size_text(self.batch)}"),
            ("cache on disk", size_text(self.cache)),
            ("reading the prompts", duration_text(self.reading_seconds)),
            *(
                [("of that, the random-weight control", duration_text(self.random_seconds))]
                if self.random_seconds
                else []
            ),
            (
                "answering them",
                duration_text(self.answering_seconds) if self.answering_seconds else "recorded",
            ),
            ("probes, floors and controls", duration_text(self.probing_seconds)),
            *([("verdicts", duration_text(self.judging_seconds))] if self.judging_seconds else []),
            *([("transfer", duration_text(self.transfer_seconds))] if self.transfer_seconds else []),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSize:
    """How many prompts a study has, and how long they are.

    Attributes
    ----------
    n_characters : of all prompts together.
    n_text_tokens : the same in tokens; None where no tokenizer is at hand.
    n_template_tokens : what the chat template adds to each.
    n_shared_tokens : of these, what stands before every prompt alike: read once for the answers.
    """

    n_prompts: int
    n_characters: int
    n_text_tokens: int | None = None
    n_template_tokens: int = _TEMPLATE_TOKENS
    n_shared_tokens: int = 0

    @property
    def n_tokens(self) -> float:
        """Tokens of all prompts as the model reads them."""
        text = self.n_characters / _CHARACTERS_PER_TOKEN if self.n_text_tokens is None else self.n_text_tokens
        return text + self.n_prompts * self.n_template_tokens

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
    weights once per step of a batch; probing is bound by products of n x n matrices
    and by what each site costs whatever its width. Tuning is not counted.
    """
    n_sites = count_sites(study, shape)
    n_prompts = size.n_prompts
    passes = 2 if study.controls.random_model else 1
    reading = 2 * shape.n_block_parameters * size.n_tokens / (_SHARE_OF_PRODUCT * device.flops)
    rows = min(n_prompts, shape.d_model)
    width = max(n_prompts, shape.d_model)
    # Gram matrix, its eigenvectors, and some tens of products with the reduced rows per target.
    per_site = 2 * rows**2 * width + 10 * rows**3 + len(study.targets) * 400 * rows * n_prompts * 10
    product = rows * n_prompts * shape.d_model
    has_transfer = {"D", "C"} <= set(study.target_names)
    return Forecast(
        weights=memory.weights,
        batch=memory.batch,
        cache=passes * n_sites * n_prompts * shape.d_model * memory.item,
        reading_seconds=passes * reading,
        random_seconds=(passes - 1) * reading,
        answering_seconds=_answering(study, shape, memory, device, size),
        probing_seconds=passes * n_sites * per_site / cpu.flops
        + len(study.targets) * n_prompts * (_TEXT_SECONDS + passes * n_sites * _SCORE_SECONDS),
        judging_seconds=_n_contrasts(study) * _JUDGING_PRODUCTS * n_sites * product / cpu.flops,
        transfer_seconds=has_transfer * _TRANSFER_PRODUCTS * n_sites * product / cpu.flops,
    )


def _n_contrasts(study: Study) -> int:
    """Return how many contrasts the pairs of a study have whose targets it names."""
    names = {*study.target_names, "topic"}
    pairs = [pair.split("-", 1) for pair in study.separation.pairs]
    counted = [pair for pair in pairs if names.issuperset(pair)]
    return sum(_CONTRASTS.get(z, _CLASSES) * _CONTRASTS.get(w, _CLASSES) for z, w in counted)


def _answering(
    study: Study, shape: ModelShape, memory: MemoryEstimate, device: Device, size: PromptSize
) -> float:
    """Return the seconds that a model's own answers take; none where they are recorded, or of a server."""
    if study.responses is None or study.responses.path or study.responses.endpoint:
        return 0.0
    n_new, n_answers = study.responses.max_new_tokens, size.n_prompts * study.responses.samples
    prompts = size.n_tokens - max(size.n_prompts - 1, 0) * size.n_shared_tokens
    operations = (
        2 * shape.n_block_parameters * prompts * study.responses.samples
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


def duration_text(seconds: float) -> str:
    """Return a duration as a person would say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def count_sites(study: Study, shape: ModelShape) -> int:
    """Return at how many layers and positions a study reads a model of this shape."""
    n_layers = shape.n_layers + 1 if study.layers == "all" else len(study.layers)
    return n_layers * len(study.positions)
