"""Responses of a model to rendered prompts: batched, deterministic, stored row by row, resumable."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from unsinter.features.batches import make_batch, plan_batches
from unsinter.features.forward import pad_id
from unsinter.features.model import ChatModel
from unsinter.features.rendering import RenderedPrompt
from unsinter.features.response_file import ResponseFile, ResponseFileError
from unsinter.features.response_text import reasoning_opened, response_text


class GenerationError(ValueError):
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
    resumed writes what an unbroken one writes. Rows made with other settings, another model or another
    render of the same prompt are refused, never mixed in. Raises GenerationError, or
    ResponseFileError for a file of something else.
    """
    _check(model, rendered, settings)
    digest = _settings_digest(model, settings, reasoning_opened(model, rendered[0]) if rendered else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        stored = ResponseFile.open(path, settings=digest)
        wanted = {_record_id(row, k, settings): (row, k) for row in rendered for k in range(settings.samples)}
        for name, record in stored.records.items():
            if name in wanted and record.get("prompt_key") != wanted[name][0].key:
                raise ResponseFileError(
                    f"{path}: record {name!r} answers another text or template than prompt "
                    f"{wanted[name][0].id!r} has now; give another file."
                )
        for batch in _batches(rendered, settings):
            names = [_record_id(row, k, settings) for row in batch for k in range(settings.samples)]
            if not all(name in stored.records for name in names):
                made = _generate_batch(model, batch, settings, digest)
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


def _settings_digest(model: ChatModel, settings: GenerationSettings, opened: str | None) -> str:
    content: dict[str, Any] = {"model": dict(model.identity), "settings": asdict(settings)}
    if opened:
        content["reasoning_opened"] = (
            opened  # answers of files made without the marker cannot be told from reasoning
        )
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _record_id(row: RenderedPrompt, sample: int, settings: GenerationSettings) -> str:
    return row.id if settings.samples == 1 else f"{row.id}#{sample}"


def _batches(
    rendered: Sequence[RenderedPrompt], settings: GenerationSettings
) -> Iterator[list[RenderedPrompt]]:
    """Yield rows alike in length, in an order and grouping that do not depend on what is stored already."""
    ordered = sorted(rendered, key=lambda row: (len(row.token_ids), row.key, row.id))
    lengths = [len(row.token_ids) * settings.samples for row in ordered]
    for first, past in plan_batches(lengths, token_budget=settings.token_budget):
        yield ordered[first:past]


def _generate_batch(
    model: ChatModel, rows: Sequence[RenderedPrompt], settings: GenerationSettings, digest: str
) -> list[dict[str, Any]]:
    """Return the records of one batch, in order of rows and samples."""
    batch = make_batch(rows, pad_id=pad_id(model), padding_side="left")
    ends = end_ids(model)
    seed = hashlib.sha256(f"{settings.seed} {[row.key for row in rows]}".encode()).digest()
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.inference_mode():
        torch.manual_seed(int.from_bytes(seed[:7], "big"))
        output = model.model.generate(  # type: ignore[operator]
            input_ids=batch.input_ids.to(model.device),
            attention_mask=batch.attention_mask.to(model.device),
            generation_config=_generation_config(model, settings, ends),
        )
    new = output[:, batch.input_ids.shape[1] :].tolist()
    records = []
    for index, ids in enumerate(new):
        row, sample = rows[index // settings.samples], index % settings.samples
        kept = _until_end(ids, ends)
        opened = reasoning_opened(model, row)
        records.append(
            {
                "id": _record_id(row, sample, settings),
                "prompt_id": row.id,
                "model": f"{model.name}@{model.identity['weights'][:12]}",
                "response_opening": (opened or "") + response_text(model, kept),
                "n_tokens": len(kept),
                "truncated": len(kept) == len(ids),
                "sample": sample,
                "prompt_key": row.key,
                "settings": digest,
            }
            | ({"reasoning_opened": opened} if opened else {})
        )
    return records


def end_ids(model: ChatModel) -> list[int]:
    """List every id that ends a response, as the model's own generation settings and tokenizer name them."""
    named = [getattr(model.model.generation_config, "eos_token_id", None), model.tokenizer.eos_token_id]
    flat = [n for value in named for n in (value if isinstance(value, list | tuple) else [value])]
    return sorted({n for n in flat if isinstance(n, int)})


def _until_end(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    past = next((i for i, token in enumerate(ids) if token in ends), len(ids))
    return list(ids[:past])


def _generation_config(model: ChatModel, settings: GenerationSettings, ends: Sequence[int]) -> Any:
    """Return settings that say everything, so that no sampling default of the model's own is inherited."""
    config = copy.deepcopy(model.model.generation_config)
    neutral: Mapping[str, Any] = {
        "top_k": 0,
        "top_p": 1.0,
        "min_p": None,
        "typical_p": 1.0,
        "num_beams": 1,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "max_length": None,
        "min_length": 0,
        "min_new_tokens": None,
        "suppress_tokens": None,
        "begin_suppress_tokens": None,
        "forced_bos_token_id": None,
        "forced_eos_token_id": None,
    }
    sampled = settings.temperature > 0
    config.update(  # type: ignore[no-untyped-call]
        **neutral,
        max_new_tokens=settings.max_new_tokens,
        do_sample=sampled,
        temperature=settings.temperature if sampled else 1.0,
        num_return_sequences=settings.samples,
        eos_token_id=list(ends) or None,
        pad_token_id=pad_id(model),
        use_cache=True,
    )
    return config
