"""What a study puts around every prompt of a model, as the model would read it; no weights are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unsinter.cache.errors import UnsinterError, one_line
from unsinter.features.rendering.position_names import reads_answer
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.columns import Table

if TYPE_CHECKING:
    from unsinter.features.model.model import ChatModel
    from unsinter.features.rendering.rendering import RenderedPrompt

TRIAL = "How do I bake bread?"
"""The prompt that is shown."""

_SHOWN = 70
"""Characters of a text of the study's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """A table of what a study gives a model's template, a prompt in it as lines, and what would end a run."""

    table: Table
    lines: Sequence[str] = ()
    problems: Sequence[str] = ()


def examine_surroundings(study: str, source: ModelSource, positions: Sequence[str]) -> Surroundings | None:
    """Return how a study's prompts reach a model; None where activations were saved and no prompt does."""
    from unsinter.features.model.tokenizer_only import load_tokenizer_only
    from unsinter.features.rendering.rendering import RenderError, render

    if source.activations is not None:
        return None
    title, header = f"{study}: what {source.name} reads", ("what", "state")
    try:
        model = load_tokenizer_only(
            find_model(source), name=source.name, revision=source.revision, chat_template=source.template_text
        )
    except UnsinterError:
        raise
    except Exception as error:  # the readers raise every kind; that sizes are guessed then is said elsewhere
        return Surroundings(
            table=(title, header, [("tokenizer", f"cannot be read ({one_line(error)[:120]})")])
        )
    try:
        prompts = [("example", TRIAL)]
        [row] = render(prompts, model, template=source.template, beside=source.beside, date=source.date)
    except (RenderError, ValueError) as error:
        state = [("a prompt", "cannot be rendered, so the study would not run")]
        return Surroundings(table=(title, header, state), problems=[f"{source.name}: {error}"])
    rows = [*_template_rows(source), *_sizes(row)]
    places, problems = _positions(row, positions)
    lines = [f"{TRIAL!r} as {source.name} reads it in {study}, and positions:", *_lines(model, row, source)]
    return Surroundings(
        table=(title, header, [*rows, *places]),
        lines=lines,
        problems=[f"{source.name}: {problem}" for problem in problems],
    )


def _template_rows(source: ModelSource) -> Iterator[tuple[str, str]]:
    """Yield what the study says of the template's input."""
    yield "template", "one of the study's own" if source.template_text is not None else source.template
    yield "system", "none" if source.system is None else _short(source.system) or "empty"
    turns = [f"{example.user} -> {example.assistant}" for example in source.examples]
    yield "examples", f"{len(turns)}: {_short('; '.join(turns))}" if turns else "none"
    options = ", ".join(f"{name}: {value!r}" for name, value in source.template_options.items())
    yield "template_options", _short(options) or "none"


def _sizes(row: "RenderedPrompt") -> Iterator[tuple[str, str]]:
    start, end = row.instruction
    yield "date", f"the template shows {row.date}" if row.date is not None else "the template reads no clock"
    yield "tokens before and after the text", f"{start} and {row.prompt_end - end}"


def _positions(row: "RenderedPrompt", positions: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return where the study's positions are in the prompt, and in words which are not there."""
    from unsinter.features.rendering.positions import PositionError, resolve_position

    places, problems = [], []
    for name in positions:
        if reads_answer(name):
            places.append((f"position {name}", "tokens of the answer, after the prompt"))
            continue
        try:
            first, past = resolve_position(name, row)
        except PositionError as error:
            places.append((f"position {name}", "not there"))
            problems.append(str(error))
            continue
        words = f"token {first}" if past - first == 1 else f"tokens {first} to {past - 1}"
        places.append((f"position {name}", f"{words} of {len(row.token_ids)}, from 0"))
    return places, problems


def _lines(model: "ChatModel", row: "RenderedPrompt", source: ModelSource) -> Iterator[str]:
    from unsinter.features.rendering.description import marked_tokens
    from unsinter.features.rendering.token_texts import token_texts

    texts = token_texts(model, row, TRIAL, template=source.template, beside=source.beside, date=source.date)
    yield from marked_tokens(model, row, texts=texts)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
