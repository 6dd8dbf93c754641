"""Answers of a server to rendered prompts: sent as token ids, stored row by row, resumable."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unsinter.features.generate.response_file import ResponseFile, alone_with
from unsinter.features.generate.server import AnswerServer, AnswerServerError, Engines, ask_engine
from unsinter.features.generate.server_questions import Questions
from unsinter.features.generate.settings import (
    GenerationError,
    GenerationSettings,
    check_prompts,
    wanted_records,
)
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


def ask_responses(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path: Path,
    *,
    settings: GenerationSettings,
    server: AnswerServer,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Return one record per prompt and sample, in order, asking the server for what ``path`` lacks.

    ``model`` rendered the prompts; its tokenizer reads the answers, its weights are not used. Every sample is
    a question of its own, with a seed made of the study's, the prompt and its place, so that it does not
    depend on what is asked beside it. The server is not reached where nothing is missing. Answers that came
    are kept whatever happens to others.

    Raises
    ------
    AnswerServerError : the server cannot be used or gave no usable answer, or is another engine than the one
        that answered before.
    GenerationError, ResponseFileError : as `generate_responses`.
    """
    questions = _questions(model, rendered, settings, server)
    with alone_with(path):
        stored = ResponseFile.open(path, settings=questions.digest)
        wanted = wanted_records(rendered, settings, stored)
        missing = [pair for name, pair in wanted.items() if name not in stored.records]
        before = server.beside | Engines.of(stored.records.values())
        _check_engines(before, path)
        if missing:
            key = server.key()
            with _saying_what_is_kept(stored, wanted):
                engine = ask_engine(server, key)
            _check_engines(before, path, now=engine)
            asking = questions.ask(missing, key=key, engine=engine, builds=before.builds, keep=stored.append)
            with _saying_what_is_kept(stored, wanted):
                for n_stored in asking:
                    if progress is not None:
                        progress(len(wanted) - len(missing) + n_stored, len(wanted))
        return [stored.records[name] for name in wanted]


def ask_afresh(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path: Path,
    *,
    settings: GenerationSettings,
    server: AnswerServer,
) -> list[dict[str, Any]]:
    """Return one record per prompt and sample, in order, all asked for now and none stored.

    ``path`` is the file beside which they are asked for, as errors name it.

    Raises
    ------
    AnswerServerError, GenerationError : as `ask_responses`.
    """
    questions = _questions(model, rendered, settings, server)
    pairs = [(row, sample) for row in rendered for sample in range(settings.samples)]
    key = server.key()
    engine = ask_engine(server, key)
    _check_engines(server.beside, path, now=engine)
    records: list[dict[str, Any]] = []
    builds = server.beside.builds
    for _ in questions.ask(pairs, key=key, engine=engine, builds=builds, keep=records.extend):
        pass
    return records


def stored_answers(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path: Path,
    *,
    settings: GenerationSettings,
    server: AnswerServer,
) -> tuple[Mapping[str, Mapping[str, Any]], bool]:
    """Return all records that a file of `ask_responses` holds, by id, and whether one of a prompt is missing.

    Raises
    ------
    GenerationError, ResponseFileError : as `ask_responses`.
    """
    questions = _questions(model, rendered, settings, server)
    with alone_with(path):
        stored = ResponseFile.open(path, settings=questions.digest)
    return stored.records, not wanted_records(rendered, settings, stored).keys() <= stored.records.keys()


def _questions(
    model: ChatModel, rendered: Sequence[RenderedPrompt], settings: GenerationSettings, server: AnswerServer
) -> Questions:
    check_prompts(model, rendered, settings)
    if settings.until != "end":
        raise GenerationError(
            "until: answer is of answers that the loaded model writes; drop it for a server's."
        )
    return Questions.of(model, rendered, settings, server)


def _check_engines(before: Engines, path: Path, *, now: str | None = None) -> None:
    """Refuse to go on with another engine than the one that answered before: answers are never mixed."""
    if now is None and len(before.names) > 1:
        raise AnswerServerError(
            f"{path}: its answers, with those that were compared with the model's, are of "
            f"{' and '.join(sorted(before.names))}; move the file away to have every prompt answered by one."
        )
    if now is not None and (others := before.names - {now}):
        raise AnswerServerError(
            f"{path} holds answers of {min(others)}, and the server is now {now}; start the former "
            "again, or move the file away to have every prompt answered by this one."
        )


@contextmanager
def _saying_what_is_kept(stored: ResponseFile, wanted: Collection[str]) -> Iterator[None]:
    """Let an error of the server say how many of the answers are stored."""
    try:
        yield
    except AnswerServerError as error:
        n_kept = sum(name in stored.records for name in wanted)
        raise AnswerServerError(
            f"{str(error).rstrip('.')}; {n_kept:,} of {len(wanted):,} answers are kept, run again to go on."
        ) from None


__all__ = ["AnswerServer", "AnswerServerError", "ask_responses"]
