"""Whether a server answers as the loaded model does, and as it did before: a few prompts, greedily."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unsinter.features.generate.generate import generate_responses
from unsinter.features.generate.response_file import ResponseFile, alone_with
from unsinter.features.generate.server import AnswerServer, AnswerServerError, Engines
from unsinter.features.generate.server_answers import ask_afresh, stored_answers
from unsinter.features.generate.server_questions import Questions
from unsinter.features.generate.settings import GenerationSettings, wanted_records
from unsinter.features.model.identity import short_digest
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

COMPARED_PROMPTS = 32
COMPARED_TOKENS = 32
"""Tokens of each answer at most: the longer, the likelier that rounding alone parts two engines."""

FEW = 8
"""One of so many greedy answers may change from one day to the next: what else is asked decides batches, and
batches the rounding of a tie."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerComparison:
    """How far the answers of a server are those of the loaded model."""

    n_prompts: int
    n_differ: int
    """Prompts whose two greedy answers differ by more than blanks."""

    max_new_tokens: int
    engines: Engines
    """What gave the answers that were compared."""


def compare_with_model(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    path_of: Callable[[GenerationSettings], Path],
    *,
    settings: GenerationSettings,
    server: AnswerServer,
) -> ServerComparison:
    """Have a few prompts answered greedily by server and model, and count the answers that differ.

    Both are stored beside the file of answers, ``path_of`` the settings. As long as that file lacks answers,
    the server is asked anew each time: what it says now must be what it said when the file was begun. Where
    the file is whole, nobody is asked.

    Raises
    ------
    AnswerServerError : not one answer is the same (the server's are kept aside), or the server, its engine
        or its build is no longer what it was when the file was begun.
    """
    check = _Check.of(model, path_of, settings=settings, server=server)
    with alone_with(check.path):
        stored = ResponseFile.open(check.path, settings=check.digest)
        rows = _compared_rows(rendered, stored.records)
        wanted_records(rows, check.greedy, stored)
        answers, lacks = stored_answers(model, rendered, check.of_answers, settings=settings, server=server)
        now = None
        if lacks or any(row.id not in stored.records for row in rows):
            source = replace(server, beside=server.beside | Engines.of(answers.values()))
            now = ask_afresh(model, rows, check.of_answers, settings=check.greedy, server=source)
        own = generate_responses(model, rows, check.of_model, settings=check.greedy)
        if now is not None:
            check.agrees_with_model(now, own)
            if answers:
                check.agrees_with_before(now, stored.records)
                stored.append([record for record in now if record["id"] not in stored.records])
            else:
                stored = check.begun_anew(stored, now)
        served = [stored.records[row.id] for row in rows]
    n_differ = _n_differ(served, own)
    say = logger.warning if n_differ else logger.info
    say(
        "%s: of %d prompts, the greedy answers of the server and of the loaded model differ on %d (%.0f %%) "
        "within %d tokens",
        server.model, len(rows), n_differ, 100 * n_differ / max(len(rows), 1), check.greedy.max_new_tokens,
    )  # fmt: skip
    return ServerComparison(
        n_prompts=len(rows),
        n_differ=n_differ,
        max_new_tokens=check.greedy.max_new_tokens,
        engines=Engines.of(served),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """Where greedy answers of server and model are, and what they must agree with."""

    server: AnswerServer
    model_name: str
    greedy: GenerationSettings
    digest: str
    path: Path
    of_answers: Path
    of_model: Path

    @classmethod
    def of(
        cls,
        model: ChatModel,
        path_of: Callable[[GenerationSettings], Path],
        *,
        settings: GenerationSettings,
        server: AnswerServer,
    ) -> "_Check":
        n_new = min(settings.max_new_tokens, COMPARED_TOKENS)
        greedy = replace(settings, samples=1, temperature=0.0, max_new_tokens=n_new)
        of_answers, of_greedy = path_of(settings), path_of(greedy)
        return cls(
            server=server,
            model_name=model.name,
            greedy=greedy,
            digest=Questions.of(model, (), greedy, server).digest,
            path=of_answers.with_name(f"{of_answers.stem}-check.jsonl"),
            of_answers=of_answers,
            of_model=of_greedy.with_name(
                f"{of_greedy.stem}-by-the-loaded-model-{short_digest(model.identity)}.jsonl"
            ),
        )

    def agrees_with_model(self, now: Sequence[Record], own: Sequence[Record]) -> None:
        """Refuse a server that gives no answer of the model; what it gave is kept beside."""
        if not now or _n_differ(now, own) < len(now):
            return
        aside = _free_name(self.path)
        ResponseFile(path=aside, records={}).append([dict(record) for record in now])
        raise AnswerServerError(
            f"{self.server.address}: its greedy answers as {self.server.model!r} differ from those of "
            f"{self.model_name} on all {len(now)} prompts compared: it is another model, or reads other "
            "tokens; see that it serves the weights that the study loads (its answers are kept in "
            f"{aside.name})."
        )

    def agrees_with_before(self, now: Sequence[Record], before: Mapping[str, Record]) -> None:
        """Refuse a server that answers otherwise than when the file of answers was begun."""
        both = [(record, before[record["id"]]) for record in now if record["id"] in before]
        n_changed = sum(_differ(*pair) for pair in both)
        if not both:
            raise AnswerServerError(
                f"{self.of_answers} holds answers, and {self.path.name} nothing of what the server said when "
                "they were given: whether it still serves the same cannot be told; put it back, or move "
                f"{self.of_answers.name} away to have every prompt answered anew."
            )
        if n_changed > len(both) // FEW:
            raise AnswerServerError(
                f"{self.server.address}: its greedy answers as {self.server.model!r} are not those that it "
                f"gave when {self.of_answers} was begun, on {n_changed} of {len(both)} prompts (batches "
                f"alone may change {len(both) // FEW}): it serves other weights, or runs otherwise; start "
                "the former again, or move the file away to have every prompt answered by this one."
            )
        if n_changed:
            logger.warning(
                "%s: %d of %d greedy answers are no longer those that the server gave when %s was begun; so "
                "few may change with the batches that it makes",
                self.server.model, n_changed, len(both), self.of_answers.name,
            )  # fmt: skip

    def begun_anew(self, stored: ResponseFile, now: Sequence[Record]) -> ResponseFile:
        """Keep what the server says now as what it said first; an earlier file is moved aside."""
        records = [dict(record) for record in now]
        if [stored.records.get(record["id"]) for record in records] == records:
            return stored
        if stored.records:
            self.path.rename(_free_name(self.path))
        stored = ResponseFile(path=self.path, records={})
        stored.append(records)
        return stored


def _compared_rows(rendered: Sequence[RenderedPrompt], stored: Mapping[str, Record]) -> list[RenderedPrompt]:
    """Return the prompts that are compared: those that were before come first, where still asked."""

    def order(row: RenderedPrompt) -> tuple[bool, str, str]:
        return stored.get(row.id, {}).get("prompt_key") != row.key, row.key, row.id

    return sorted(rendered, key=order)[:COMPARED_PROMPTS]


def _n_differ(some: Sequence[Record], others: Sequence[Record]) -> int:
    return sum(map(_differ, some, others))


def _differ(one: Record, other: Record) -> bool:
    return _words(one["response_opening"]) != _words(other["response_opening"])


def _words(text: str) -> list[str]:
    return text.rstrip("\ufffd").split()  # a character that the last token leaves unfinished


def _free_name(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.other-{n}")).exists():
        n += 1
    return aside
