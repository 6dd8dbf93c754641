"""Responses of a model to rendered prompts: batched, deterministic, stored row by row, resumable."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from unsinter.cache.atomic import make_folder
from unsinter.cache.errors import UnsinterError
from unsinter.cache.refusals import naming
from unsinter.features.generate.answer_batches import Mates, plan_answers, settle_mates
from unsinter.features.generate.decoding import end_ids, generate_ids, generation_config
from unsinter.features.generate.response_file import ResponseFile, ResponseFileError
from unsinter.features.generate.response_text import reasoning_opened
from unsinter.features.generate.turn_end import AnswerEnd, answer_end
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import RopeLengths, rope_lengths
from unsinter.features.rendering.rendering import RenderedPrompt


class GenerationError(UnsinterError, ValueError):
    """Responses cannot be generated with this model or these settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """What decides a response besides model and prompt."""

    max_new_tokens: int = 64
    samples: int = 1
    """Responses per prompt; more than one needs a temperature."""

    temperature: float = 0.0
    """0 is greedy: the likeliest token each time."""

    seed: int = 0
    token_budget: int = 4096
    """Padded prompt tokens per batch, samples counted; a setting, as it decides which rows share a batch."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.samples < 1 or self.token_budget < 1:
            raise GenerationError(
                "max_new_tokens, samples and token_budget must be at least 1; "
                f"got {self.max_new_tokens}, {self.samples}, {self.token_budget}."
            )
        if not 0 <= self.temperature < float("inf"):
            raise GenerationError(f"temperature must be 0 or above, got {self.temperature}.")
        if self.samples > 1 and self.temperature == 0:
            raise GenerationError(
                f"samples={self.samples} with temperature 0 would be the same text each time; set a "
                "temperature."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What of a model decides how its answers are made."""

    model: ChatModel
    settings: GenerationSettings
    end: AnswerEnd
    rope: RopeLengths
    mates: Mates = "any length"
    opened: str | None = None
    """Marker by which the template opens the reasoning in the prompt."""

    @property
    def digest(self) -> str:
        """Digest of all that decides an answer besides the prompt; of most models, of model and settings."""
        content: dict[str, Any] = {"model": dict(self.model.identity), "settings": asdict(self.settings)}
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
    padding moves are answered in batches of equal length, or one by one. An answer ends at the model's end
    tokens and where the chat template ends a turn. Rows made with other settings, another model or another
    render of the same prompt are refused, never mixed in. Raises GenerationError, or
    ResponseFileError for a file of something else.
    """
    _check(model, rendered, settings)
    plan = _plan(model, rendered, settings)
    with naming(path, ResponseFileError):
        make_folder(path.parent)
        lock = FileLock(f"{path}.lock")
        lock.acquire()
    with lock:
        stored = ResponseFile.open(path, settings=plan.digest)
        wanted = {_record_id(row, k, settings): (row, k) for row in rendered for k in range(settings.samples)}
        for name, record in stored.records.items():
            if name in wanted and record.get("prompt_key") != wanted[name][0].key:
                raise ResponseFileError(
                    f"{path}: record {name!r} answers another text or template than prompt "
                    f"{wanted[name][0].id!r} has now; give another file."
                )
        for batch in plan.batches(rendered):
            names = [_record_id(row, k, settings) for row in batch for k in range(settings.samples)]
            if not all(name in stored.records for name in names):
                made = _generate_batch(plan, batch)
                stored.append([record for record in made if record["id"] not in stored.records])
            if progress is not None:
                progress(sum(name in stored.records for name in wanted), len(wanted))
        return [stored.records[name] for name in wanted]


def _check(model: ChatModel, rendered: Sequence[RenderedPrompt], settings: GenerationSettings) -> None:
    if not model.can_generate:
        raise GenerationError(f"{model.name} has no language-model head to generate with.")
    seen: set[str] = set()
    for row in rendered:
        if row.id in seen:
            raise GenerationError(
                f"prompt id {row.id!r} occurs twice; ids name the records, so they must differ."
            )
        seen.add(row.id)
        if len(row.token_ids) != row.prompt_end:
            raise GenerationError(f"prompt {row.id!r} already holds a response; render it without one.")
        if model.context is not None and row.prompt_end + settings.max_new_tokens > model.context:
            raise GenerationError(
                f"prompt {row.id!r} has {row.prompt_end} tokens; with {settings.max_new_tokens} new ones "
                f"it exceeds the {model.context} that {model.name} takes."
            )


def _plan(model: ChatModel, rendered: Sequence[RenderedPrompt], settings: GenerationSettings) -> _Plan:
    """Settle where answers end and who may share a batch; the latter costs a few short answers."""
    rope = rope_lengths(model.backbone)
    plan = _Plan(model=model, settings=settings, end=answer_end(model, end_ids(model)), rope=rope)
    if not rendered:
        return plan
    plan = replace(plan, opened=reasoning_opened(model, rendered[0]))
    greedy = replace(settings, samples=1, temperature=0.0)

    def generate(rows: Sequence[RenderedPrompt], n_new: int) -> tuple[Tensor, Tensor]:
        config = generation_config(model, replace(greedy, max_new_tokens=n_new), plan.end.ids)
        config.update(return_dict_in_generate=True, output_logits=True)
        output = generate_ids(model, rows, config)
        n_prompt = max(len(row.token_ids) for row in rows)
        return output.sequences[:, n_prompt:].cpu(), torch.stack(output.logits, dim=1).cpu()

    mates = settle_mates(model, rendered, rope, generate=generate, n_new=settings.max_new_tokens)
    return replace(plan, mates=mates)


def _record_id(row: RenderedPrompt, sample: int, settings: GenerationSettings) -> str:
    return row.id if settings.samples == 1 else f"{row.id}#{sample}"


def _generate_batch(plan: _Plan, rows: Sequence[RenderedPrompt]) -> list[dict[str, Any]]:
    """Return the records of one batch, in order of rows and samples."""
    model, settings = plan.model, plan.settings
    seed = hashlib.sha256(f"{settings.seed} {[row.key for row in rows]}".encode()).digest()
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int.from_bytes(seed[:7], "big"))
        output = generate_ids(model, rows, generation_config(model, settings, plan.end.ids))
    new = output[:, max(len(row.token_ids) for row in rows) :].tolist()
    records = []
    for index, ids in enumerate(new):
        row, sample = rows[index // settings.samples], index % settings.samples
        text, n_tokens, has_ended = plan.end.read(ids, model.tokenizer)
        opened = reasoning_opened(model, row)
        records.append(
            {
                "id": _record_id(row, sample, settings),
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
