"""The questions that a server of answers gets, and the records made of what it says."""

import hashlib
import json
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from unsinter.features.endpoint.attempts import Asker
from unsinter.features.endpoint.many import ask_many
from unsinter.features.generate.completion import Completion, CompletionError, CompletionReader, wanted_stops
from unsinter.features.generate.decoding import end_ids
from unsinter.features.generate.response_text import reasoning_opened
from unsinter.features.generate.server import AnswerServer, AnswerServerError, ask_for, plain_name
from unsinter.features.generate.settings import GenerationSettings, record_id
from unsinter.features.generate.turn_end import answer_end
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt

_OF_LLAMA_CPP: Mapping[str, Any] = {
    "repeat_penalty": 1.0,
    "typical_p": 1.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "top_n_sigma": -1.0,
}
"""Settings of sampling that its server can be started with, each as if it did nothing; vLLM and SGLang take a
field that they do not know and leave it unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What decides the questions, and how their answers are read."""

    model: ChatModel
    settings: GenerationSettings
    server: AnswerServer
    reader: CompletionReader
    body: Mapping[str, Any]
    """What all questions have in common."""

    opened: Mapping[str, str | None]
    """Prompt's id -> marker by which its template opens the reasoning."""

    @classmethod
    def of(
        cls,
        model: ChatModel,
        rendered: Sequence[RenderedPrompt],
        settings: GenerationSettings,
        server: AnswerServer,
    ) -> "Questions":
        """Return the questions about these prompts with these settings."""
        end = replace(answer_end(model, end_ids(model)), stop=tuple(settings.stop))
        reader = CompletionReader(tokenizer=model.tokenizer, end=end, max_new_tokens=settings.max_new_tokens)
        # Everything is said, so that no default of the server or of the model's folder is inherited.
        body: dict[str, Any] = {
            "model": server.model,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": 1.0,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "n": 1,
            "stream": False,
            "echo": False,
            "ignore_eos": False,
            "return_token_ids": True,  # of vLLM; where none come, the text is read
            **_OF_LLAMA_CPP,
            **wanted_stops(end),
        }
        if reader.special_markers():
            body["skip_special_tokens"] = False
        opened = {row.id: reasoning_opened(model, row) for row in rendered}
        return cls(model=model, settings=settings, server=server, reader=reader, body=body, opened=opened)

    @property
    def digest(self) -> str:
        """Digest of all that decides an answer besides prompt and engine; where the server is does not."""
        content = {
            "body": dict(self.body),
            "samples": self.settings.samples,
            "seed": self.settings.seed,
            # The server answers in place of this model: what stands for one is never taken for another's.
            "model": dict(self.model.identity),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def ask(
        self,
        missing: Sequence[tuple[RenderedPrompt, int]],
        *,
        key: str | None,
        engine: str,
        builds: Collection[str],
        keep: Callable[[Sequence[dict[str, Any]]], None],
    ) -> Iterator[int]:
        """Ask for what is missing and keep it in order; yield how much of it is kept, as it grows.

        Parameters
        ----------
        builds : those that may answer, "" for one without a name; empty: whichever answers first.
        """
        allowed = set(builds)

        async def record(asker: Asker, place: int) -> dict[str, Any]:
            row, sample = missing[place]
            answer = await self._ask(asker, row, sample)
            build = plain_name(answer.build, key)
            allowed.update(() if allowed else {build})
            if build not in allowed:
                raise AnswerServerError(f"Prompt {row.id!r}: {self._other_build(build, allowed)}")
            return self._record(answer, row, sample, engine=engine, build=build)

        arriving = ask_many(
            record,
            len(missing),
            key=key,
            patience=self.server.patience,
            workers=self.server.workers,
            error=AnswerServerError,
        )
        n_kept = 0
        with closing(arriving), closing(_in_order(arriving, keep)) as ordered:
            for records in ordered:
                keep(records)
                n_kept += len(records)
                yield n_kept

    def _other_build(self, build: str, allowed: Collection[str]) -> str:
        return (
            f"{self.server.address} answers with {_named(build)}, and gave the answers before with "
            f"{_named(min(allowed))}; start the former again, or move the file of answers away to have every "
            "prompt answered by this one"
        )

    async def _ask(self, asker: Asker, row: RenderedPrompt, sample: int) -> Completion:
        where = f"Prompt {row.id!r}: "
        try:
            question = {**self.body, "prompt": [list(row.token_ids)], "seed": self._seed(row, sample)}
            reply = await ask_for(self.server, asker, "/completions", question, about=where.strip())
            return self.reader.read(reply.body, n_prompt=len(row.token_ids))
        except CompletionError as error:
            raise AnswerServerError(f"{where}the answer of {self.server.address} {error}") from None
        except AnswerServerError as error:
            raise AnswerServerError(f"{where}{error}") from None

    def _seed(self, row: RenderedPrompt, sample: int) -> int:
        text = json.dumps([self.settings.seed, row.id, row.key, sample])
        return (
            int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
        )  # all servers take 31 bits

    def _record(
        self, answer: Completion, row: RenderedPrompt, sample: int, *, engine: str, build: str
    ) -> dict[str, Any]:
        opened = self.opened[row.id]
        return {
            "id": record_id(row, sample, self.settings),
            "prompt_id": row.id,
            "model": self.server.model,
            "response_opening": (opened or "") + answer.text,
            "n_tokens": answer.n_tokens,
            "truncated": not answer.has_ended,
            "sample": sample,
            "prompt_key": row.key,
            "settings": self.digest,
            "engine": engine,
            **({"build": build} if build else {}),
            **({"reasoning_opened": opened} if opened else {}),
        }


def _named(build: str) -> str:
    return f"the build {build}" if build else "a build that it does not name"


def _in_order(
    arriving: Iterator[tuple[int, dict[str, Any]]], keep: Callable[[Sequence[dict[str, Any]]], None]
) -> Generator[list[dict[str, Any]], None, None]:
    """Yield records as soon as all before them are there; those behind a failure are kept at once."""
    waiting: dict[int, dict[str, Any]] = {}
    place = 0
    try:
        for arrived, record in arriving:
            waiting[arrived] = record
            ready = []
            while place in waiting:
                ready.append(waiting.pop(place))
                place += 1
            if ready:
                yield ready
    finally:
        if waiting:
            keep([waiting[place] for place in sorted(waiting)])
