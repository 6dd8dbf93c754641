"""Scores of a probe while a model writes: one per sequence and token, as the tokens are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from unsinter.features.generate.generate import end_ids
from unsinter.features.model.hooks import block_input, block_output
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.clock import DEFAULT_DATE
from unsinter.features.rendering.framing import dates_around, make_frame
from unsinter.features.rendering.position_names import reads_answer
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt, whole_identity
from unsinter.probes.arrays import FloatArray
from unsinter.probes.files.exported import ProbeWeights
from unsinter.studies.scoring.generation import MonitorError, TokenSteps, check_beginnings, check_dates
from unsinter.studies.scoring.score import probe_context

OnScores: TypeAlias = Callable[[int, FloatArray], None]
"""(number of the generated token from 0, scores (n_sequences,) or (n_sequences, n_classes))."""


@dataclass(slots=True, kw_only=True)
class GenerationScores:
    """Scores of one call of ``generate``; for more than two classes with a last axis (n_classes,).

    Attributes
    ----------
    prompt : (n_sequences,) at the probe's own position in the prompt; None where that cannot be told.
    steps : one (n_sequences,) per generated token that the model read; NaN once a sequence has ended.
    """

    prompt: FloatArray | None = None
    steps: list[FloatArray] = field(default_factory=list)

    @property
    def tokens(self) -> FloatArray:
        """(n_sequences, n_tokens): column k is generated token k.

        The last token of a generation is sampled but never read by the model, so it has no activation and
        no column: ``generate`` with n new tokens gives n - 1.
        """
        if self.steps:
            return np.stack(self.steps, axis=1)
        shape = () if self.prompt is None else self.prompt.shape[1:]
        return np.empty((0 if self.prompt is None else len(self.prompt), 0, *shape))


class ProbeMonitor:
    """Score every generated token while ``model.model.generate`` runs inside the context.

    ``with ProbeMonitor(model, probe) as monitor: model.model.generate(...)``; then ``monitor.prompt`` and
    ``monitor.tokens`` belong to the last call, ``monitor.generations`` to all. Nothing that the model
    computes is changed, and the hooks are removed on leaving, also after an error. Works with left-padded
    batches, with and without a key-value cache, greedy or sampled, several return sequences. Tokens after
    a sequence's end (an end or padding id) are padding and get NaN. Beam search moves sequences from row to
    row between tokens, so its scores would belong to nobody: do not use it here.

    A probe of a prompt position was fitted on that position alone. On generated tokens it is outside its
    training distribution: compare its scores with each other or with those of known generations, not with
    its threshold or its calibrated probabilities.

    Parameters
    ----------
    rendered : the prompts of the batch, in order; needed for ``prompt`` unless the probe's position is
        ``template_end``, the last token of a left-padded prompt. One call of ``generate`` per monitor then.
    end : ids that end a sequence; the model's own unless named, as ``generate(eos_token_id=...)`` would.
    on_scores : called as each token is scored, say to show it or to stop.

    Raises
    ------
    ProbeFileError : the probe was fitted on another model, template or width.
    MonitorError : the model has no such layer or cannot generate; or, inside the context, the batch is padded
        on the right, is not the rendered one, or several tokens are read at once (assisted decoding).
    """

    def __init__(
        self,
        model: ChatModel,
        probe: ProbeWeights,
        *,
        rendered: Sequence[RenderedPrompt] | None = None,
        end: Sequence[int] | None = None,
        on_scores: OnScores | None = None,
    ) -> None:
        identity = whole_identity(model, rendered) if rendered else model.identity
        probe.check_fits(identity=identity, d_model=model.d_model)
        _check(model, probe)
        self._dates = _dates(model, probe)
        self._beginning = _beginning(model, probe)
        self.model, self.probe, self.rendered, self.on_scores = model, probe, rendered, on_scores
        self.generations: list[GenerationScores] = []
        ends = end_ids(model) if end is None else end
        self._steps = TokenSteps(ends=frozenset(ends), pad=_pad_of(model))
        self._hooks: list[RemovableHandle] = []

    @property
    def prompt(self) -> FloatArray | None:
        """Scores at the probe's position in the prompts of the last generation."""
        return self._last.prompt

    @property
    def tokens(self) -> FloatArray:
        """Scores of the tokens of the last generation (n_sequences, n_tokens)."""
        return self._last.tokens

    @property
    def _last(self) -> GenerationScores:
        if not self.generations:
            raise MonitorError("nothing was generated inside the monitor yet.")
        return self.generations[-1]

    def __enter__(self) -> Self:
        layer, blocks = int(self.probe.card["layer"]), self.model.blocks
        self._hooks.append(self.model.model.register_forward_pre_hook(self._on_call, with_kwargs=True))
        if layer < len(blocks):
            hook = blocks[layer].register_forward_pre_hook(
                lambda _module, args, kwargs: self._on_stream(block_input(args, kwargs)), with_kwargs=True
            )
        else:
            hook = blocks[-1].register_forward_hook(
                lambda _module, _inputs, output: self._on_stream(block_output(output))
            )
        self._hooks.append(hook)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _on_call(self, _module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        ids = args[0] if args else kwargs.get("input_ids")
        cache = kwargs.get("past_key_values")
        n_cached = None if cache is None else int(cache.get_seq_length())
        if self._steps.begin(ids, mask=kwargs.get("attention_mask"), n_cached=n_cached):
            check_dates(self.model, self._steps.ids, self._dates)  # type: ignore[arg-type]
            check_beginnings(self._steps.ids, self._beginning)  # type: ignore[arg-type]
            self.generations.append(GenerationScores())

    @torch.inference_mode()
    def _on_stream(self, stream: Tensor) -> None:
        """Score the prompt's position in the first pass of a generation, and one token in every other."""
        current = self.generations[-1]
        if self._steps.is_prompt:
            activations = self._prompt_activations(stream)
            current.prompt = None if activations is None else self._scores(activations)
            return
        scores = self._scores(stream[:, -1])
        scores[self._steps.ended] = np.nan
        current.steps.append(scores)
        if self.on_scores is not None:
            self.on_scores(len(current.steps) - 1, scores)

    def _scores(self, activations: Tensor) -> FloatArray:
        return self.probe.scores(activations.detach().float().cpu().numpy())

    def _prompt_activations(self, stream: Tensor) -> Tensor | None:
        position = str(self.probe.card["position"])
        if self.rendered is None:
            return stream[:, -1] if position == "template_end" else None
        if reads_answer(position):
            return None
        rows = self._steps.rows_of(self.rendered)
        return torch.stack([_at(stream[i], row, position) for i, row in enumerate(rows)])


def _at(stream: Tensor, row: RenderedPrompt, position: str) -> Tensor:
    """Return the activation of one left-padded row; spans are averaged in float32 as extraction does."""
    start = len(stream) - len(row.token_ids)
    first, past = resolve_position(position, row)
    if past - first == 1:
        return stream[start + first]
    return stream[start + first : start + past].float().mean(dim=0).to(stream.dtype)


def _check(model: ChatModel, probe: ProbeWeights) -> None:
    layer = probe.card.get("layer")
    if not isinstance(layer, int) or not 0 <= layer <= model.n_layers:
        raise MonitorError(
            f"{probe.name} reads layer {layer!r}; {model.name} has layers 0 to {model.n_layers}."
        )
    if not model.can_generate:
        raise MonitorError(f"{model.name} has no language-model head, so there is nothing to monitor.")


def _dates(model: ChatModel, probe: ProbeWeights) -> tuple[str, ...]:
    """Return the dates that every prompt must show; ProbeFileError where the template's day is unknown."""
    template = probe.card.get("template", "auto")
    if template == "raw" or not model.tokenizer.chat_template:
        return ()
    day = probe.card["model"].get("date")
    dates = dates_around(model, day, template=template, beside=probe_context(probe).beside)
    if dates and day is None:
        probe.check_fits(identity={"date": DEFAULT_DATE})
    return dates


def _pad_of(model: ChatModel) -> int | None:
    """Return the id that `generate` pads with, as the model names it."""
    named = getattr(model.model.generation_config, "pad_token_id", None), model.tokenizer.pad_token_id
    return next((n for n in named if isinstance(n, int)), None)


def _beginning(model: ChatModel, probe: ProbeWeights) -> tuple[int, ...]:
    """Return the ids that every prompt must begin with: system text and examples of the probe's prompts.

    Empty where the study named neither; another beginning then is the caller's to vouch for.
    """
    beside = probe_context(probe).beside
    if not beside.digests:
        return ()
    day = probe.card["model"].get("date") or DEFAULT_DATE
    return make_frame(model, template=probe.card.get("template", "auto"), beside=beside, date=day).prefix_ids
