"""A study's prompts as its model reads them, alone or with their answers behind them."""

from collections.abc import Mapping, Sequence

from unsinter.features.model.model import ChatModel
from unsinter.features.records.record import PromptRecord
from unsinter.features.rendering.positions import has_position
from unsinter.features.rendering.rendering import RenderedPrompt, render
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Response
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.sections import ModelSource


def render_prompts(
    prompts: Sequence[PromptRecord],
    model: ChatModel,
    source: ModelSource,
    *,
    responses: Mapping[str, str] | None = None,
) -> list[RenderedPrompt]:
    """Render records as the study says for this model, each with what it brings itself; see `render`."""
    return render(
        [(record.id, record.prompt, record.conversation) for record in prompts],
        model,
        template=source.template,
        beside=source.beside,
        responses=responses,
        date=source.date,
    )


def behind_prompts(
    answers: Sequence[Response | None],
    dataset: Dataset,
    positions: Sequence[str],
    model: ChatModel,
    source: ModelSource,
) -> tuple[list[RenderedPrompt], list[str]]:
    """Render every prompt that has an answer with all positions, the answer's tokens behind it.

    Beside them, the ids of the prompts left out.
    """
    texts = {p.id: a.opening for p, a in zip(dataset.prompts, answers, strict=True) if a and a.opening}
    prompts = [prompt for prompt in dataset.prompts if prompt.id in texts]
    if not prompts:
        raise StudyError(
            "positions ask for response tokens, and no prompt of the study has an answer's text."
        )
    rows = render_prompts(prompts, model, source, responses=texts)
    kept = [row for row in rows if all(has_position(name, row) for name in positions)]
    if not kept:
        lacking = [name for name in positions if not has_position(name, rows[0])]
        raise StudyError(
            f"no answer has all positions that are read: {rows[0].id!r} has no {', '.join(lacking)}; "
            "drop them, or let answers grow longer (responses.max_new_tokens)."
        )
    names = {row.id for row in kept}
    return kept, [p.id for p in dataset.prompts if p.id not in names]
