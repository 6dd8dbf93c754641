"""What decides a response besides model and prompt, and which records a run of generation asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unsinter.cache.errors import UnsinterError
from unsinter.features.generate.response_file import ResponseFile, ResponseFileError
from unsinter.features.model.model import ChatModel
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

    until: Literal["end", "answer"] = "end"
    """``answer`` ends each at the first sentence after which its label is known; see ``early_stop``."""

    stop: tuple[str, ...] = ()
    """Texts that end an answer, which ends before the first of them; exact, blanks and case included."""

    seed: int = 0
    token_budget: int = 4096
    """Padded prompt tokens per batch, samples counted; a setting, as it decides which rows share a batch."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.samples < 1 or self.token_budget < 1:
            raise GenerationError(
                "max_new_tokens, samples and token_budget must be at least 1; "
                f"got {self.max_new_tokens}, {self.samples}, {self.token_budget}."
            )
        if self.until not in ("end", "answer"):
            raise GenerationError(f"until must be 'end' or 'answer', got {self.until!r}.")
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise GenerationError(f"stop must be texts, none of them empty, as ['Q:'], got {self.stop!r}.")
        object.__setattr__(self, "stop", tuple(self.stop))
        if not 0 <= self.temperature < float("inf"):
            raise GenerationError(f"temperature must be 0 or above, got {self.temperature}.")
        if self.samples > 1 and self.temperature == 0:
            raise GenerationError(
                f"samples={self.samples} with temperature 0 would be the same text each time; set a "
                "temperature."
            )


def check_prompts(model: ChatModel, rendered: Sequence[RenderedPrompt], settings: GenerationSettings) -> None:
    """Refuse prompts that cannot be answered with these settings, before anything is written.

    Raises
    ------
    GenerationError : no language-model head, an id twice, a response already, or more tokens than fit.
    """
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


def wanted_records(
    rendered: Sequence[RenderedPrompt], settings: GenerationSettings, stored: ResponseFile
) -> dict[str, tuple[RenderedPrompt, int]]:
    """Return prompt and sample of every record that is asked for, by the record's id, in order.

    Raises
    ------
    ResponseFileError : a stored record answers another render of its prompt.
    """
    wanted = {record_id(row, k, settings): (row, k) for row in rendered for k in range(settings.samples)}
    for name, record in stored.records.items():
        if name in wanted and record.get("prompt_key") != wanted[name][0].key:
            raise ResponseFileError(
                f"{stored.path}: record {name!r} answers another text or template than prompt "
                f"{wanted[name][0].id!r} has now; give another file."
            )
    return wanted


def record_id(row: RenderedPrompt, sample: int, settings: GenerationSettings) -> str:
    """Return the id of a record: the prompt's own, and which of several samples it is."""
    return row.id if settings.samples == 1 else f"{row.id}#{sample}"
