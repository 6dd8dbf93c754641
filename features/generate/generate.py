"""Responses of a model to rendered prompts: batched, deterministic, stored row by row, resumable."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria

from unsinter.features.extract.forward import rows_change_mates
from unsinter.features.extract.shared_prefix import SharedPrefix, settled_prefix
from unsinter.features.generate.answer_batches import (
    Mates,
    are_same_answers,
    lone_answers_once,
    plan_answers,
    settle_mates,
)
from unsinter.features.generate.decoding import end_ids, generate_ids, generation_config
from unsinter.features.generate.early_stop import StopAtText, StopWhenDecided
from unsinter.features.generate.response_file import ResponseFile, ResponseFileError, alone_with
from unsinter.features.generate.response_text import reasoning_opened
from unsinter.features.generate.settings import (
    GenerationError,
    GenerationSettings,
    check_prompts,
    record_id,
    wanted_records,
)
from unsinter.features.generate.turn_end import AnswerEnd, answer_end
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import RopeLengths, rope_lengths
from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What of a model decides how its answers are made."""

    model: ChatModel
    settings: GenerationSettings
    end: AnswerEnd
    rope: RopeLengths
    mates: Mates = "any length"
    prefix: SharedPrefix | None = None
    """What all prompts begin with, read once; it changes no answer, so it is no part of the digest."""

    opened: str | None = None
    """Marker by which the template opens the reasoning in the prompt."""

    @property
    def digest(self) -> str:
        """Digest of all that decides an answer besides the prompt; of most models, of model and settings."""
        settings = asdict(self.settings)
        for name, plain in (("until", "end"), ("stop", ())):  # as of files that are older than the choice
            if settings[name] == plain:
                del settings[name]
        content: dict[str, Any] = {"model": dict(self.model.identity), "settings": settings}
        if self.end.is_extended:
            content["end"] = [list(self.end.ids), self.end.turn_text]
        if self.mates != "any length":
            content["mates"] = self.mates
        if self.opened:  # answers of files made without the marker cannot be told from reasoning
            content["reasoning_opened"] = self.opened
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def batches(self, rendered: Sequence[RenderedPrompt]) -> Iterator[list[RenderedPrompt]]:
        """Yield the prompts that are answered together."""
        settings = self.settings
        return plan_answers(
            rendered,
            mates=self.mates,
            tables=lambda row: self.rope.tables_while_writing(len(row.token_ids), settings.max_new_tokens),
            samples=settings.samples,
            token_budget=settings.token_budget,
        )


def generate_responses(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path: Path,
    *,
    settings: GenerationSettings,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Return one record per prompt and sample, in order, generating and appending to ``path`` what it lacks.

    Batches are fixed by the prompts and settings and each has its own seed, so an interrupted run that is
    resumed writes what an unbroken one writes. A prompt's greedy answer is the one it gets alone: models that
    padding moves are answered in batches of equal length, or one by one. What all prompts begin with is read
    once, where that changes nothing. An answer ends where model or template end a turn. Rows of other
    settings, models or renders of a prompt are refused, never mixed in.

    Raises
    ------
    GenerationError, ResponseFileError : the model cannot answer; the file holds something else.
    """
    check_prompts(model, rendered, settings)
    plan = _plan(model, rendered, settings)
    with alone_with(path):
        stored = ResponseFile.open(path, settings=plan.digest)
        wanted = wanted_records(rendered, settings, stored)
        n_stored = len(wanted.keys() & stored.records.keys())
        for batch in plan.batches(rendered):
            names = [record_id(row, k, settings) for row in batch for k in range(settings.samples)]
            if not all(name in stored.records for name in names):
                made = _generate_batch(plan, batch)
                new = [record for record in made if record["id"] not in stored.records]
                stored.append(new)
                n_stored += len(new)
            if progress is not None:
                progress(n_stored, len(wanted))
        return [stored.records[name] for name in wanted]


def _plan(model: ChatModel, rendered: Sequence[RenderedPrompt], settings: GenerationSettings) -> _Plan:
    """Settle where answers end and who may share a batch; the latter costs a few short answers."""
    rope = rope_lengths(model.backbone)
    end = replace(answer_end(model, end_ids(model)), stop=tuple(settings.stop))
    plan = _Plan(model=model, settings=settings, end=end, rope=rope)
    if not rendered:
        return plan
    plan = replace(plan, opened=reasoning_opened(model, rendered[0]))
    greedy = replace(settings, samples=1, temperature=0.0)

    def generate(
        rows: Sequence[RenderedPrompt], n_new: int, *, prefix: SharedPrefix | None = None
    ) -> tuple[Tensor, Tensor]:
        config = generation_config(model, replace(greedy, max_new_tokens=n_new), plan.end.ids)
        config.update(return_dict_in_generate=True, output_logits=True)
        output = generate_ids(model, rows, config, prefix=prefix)
        n_prompt = max(len(row.token_ids) for row in rows)
        return output.sequences[:, n_prompt:].cpu(), torch.stack(output.logits, dim=1).cpu()

    plainly = lone_answers_once(generate)

    def is_same(prefix: SharedPrefix) -> bool:
        shared = partial(generate, prefix=prefix)
        return are_same_answers(
            model, rendered, generate=shared, plainly=plainly, n_new=settings.max_new_tokens
        )

    if not (rope.matters or rows_change_mates(model)):  # tables of the whole length fit no prefix
        prefix = settled_prefix(model, rendered, is_same=is_same)
        if prefix is not None:  # shown in padded batches, so padding moves nothing either
            return replace(plan, prefix=prefix)
    mates = settle_mates(model, rendered, rope, generate=plainly, n_new=settings.max_new_tokens)
    return replace(plan, mates=mates)


def _generate_batch(plan: _Plan, rows: Sequence[RenderedPrompt]) -> list[dict[str, Any]]:
    """Return the records of one batch, in order of rows and samples."""
    model, settings = plan.model, plan.settings
    seed = hashlib.sha256(f"{settings.seed} {[row.key for row in rows]}".encode()).digest()
    n_prompt = max(len(row.token_ids) for row in rows)
    stops: list[StoppingCriteria] = []
    if not plan.end.is_by_ids:
        stops.append(StopAtText(model.tokenizer, n_prompt, plan.end))
    stop = None
    if settings.until == "answer":
        opened_by = [reasoning_opened(model, row) for row in rows for _ in range(settings.samples)]
        stop = StopWhenDecided(model.tokenizer, n_prompt=n_prompt, opened=opened_by)
        stops.append(stop)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int.from_bytes(seed[:7], "big"))
        config = generation_config(model, settings, plan.end.ids)
        output = generate_ids(model, rows, config, prefix=plan.prefix, stops=stops)
    new = output[:, n_prompt:].tolist()
    records = []
    for index, ids in enumerate(new):
        row, sample = rows[index // settings.samples], index % settings.samples
        kept = ids if stop is None else ids[: stop.n_tokens.get(index, len(ids))]
        text, n_tokens, has_ended = plan.end.read(kept, model.tokenizer)
        opened = reasoning_opened(model, row)
        records.append(
            {
                "id": record_id(row, sample, settings),
                "prompt_id": row.id,
                "model": f"{model.name}@{model.identity['weights'][:12]}",
                "response_opening": (opened or "") + text,
                "n_tokens": n_tokens,
                "truncated": not has_ended,
                "sample": sample,
                "prompt_key": row.key,
                "settings": plan.digest,
            }
            | ({"reasoning_opened": opened} if opened else {})
        )
    return records


__all__ = ["GenerationError", "GenerationSettings", "ResponseFileError", "end_ids", "generate_responses"]
