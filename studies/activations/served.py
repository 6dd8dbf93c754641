"""Answers that a server gives a study, and what the run says of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unsinter.features.endpoint.attempts import Patience
from unsinter.features.generate.server import AnswerServer
from unsinter.features.generate.server_answers import ask_responses
from unsinter.features.generate.server_check import compare_with_model
from unsinter.features.generate.settings import GenerationSettings
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.studies.study.sections import ResponseSource


def answer_server(source: ResponseSource) -> AnswerServer:
    """Return the server that a study names."""
    if source.endpoint is None or source.model is None:
        raise ValueError("the study names no server")
    return AnswerServer(
        url=source.endpoint,
        model=source.model,
        key_variable=source.key_variable,
        workers=source.parallel,
        patience=Patience(timeout=source.timeout, attempts=source.attempts),
    )


def answers_of_server(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path_of: Callable[[GenerationSettings], Path],
    *,
    settings: GenerationSettings,
    server: AnswerServer,
    progress: Callable[[int, int], None],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the server's answers, after a few of them were compared with the model's own, and the facts.

    Raises
    ------
    AnswerServerError : the server cannot be used, answers none of these few prompts as the model does, or is
        no longer what it was when the answers were begun.
    """
    compared = compare_with_model(model, rendered, path_of, settings=settings, server=server)
    checked = replace(server, beside=compared.engines)
    records = ask_responses(
        model, rendered, path_of(settings), settings=settings, server=checked, progress=progress
    )
    return records, {
        "model": server.model,
        "address": server.address,
        "engines": sorted({record["engine"] for record in records}),
        "builds": sorted({record["build"] for record in records if "build" in record}),
        "compared": compared.n_prompts,
        "differ": compared.n_differ,
        "compared_tokens": compared.max_new_tokens,
    }
