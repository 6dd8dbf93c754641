"""What stands in a completion of one prompt; errors repeat nothing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from unsinter.cache.errors import UnsinterError
from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.generate.response_text import special_ids
from unsinter.features.generate.turn_end import AnswerEnd
from unsinter.features.labelling.prose.reasoning import is_marker

_ENDED = frozenset({"stop", "eos", "eos_token", "stop_sequence"})
_CUT = frozenset({"length", "max_tokens"})

_LONGEST_READ_AGAIN = 3
"""Tokens that a text may have for each that was written: a byte that is no character is read as three."""


class CompletionError(UnsinterError, ValueError):
    """A server's completion is none, several, or of another question; the message repeats nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer of a server."""

    text: str
    n_tokens: int
    has_ended: bool
    build: object
    """What the server says of its build (``system_fingerprint``), as it says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionReader:
    """Reads completions as the model's own answers are read."""

    tokenizer: PreTrainedTokenizerBase
    end: AnswerEnd
    max_new_tokens: int

    def special_markers(self) -> bool:
        """Whether the tokenizer marks reasoning by special tokens, which a server leaves out unless asked."""
        return any(is_marker(self._content(token)) for token in special_ids(self.tokenizer))

    def read(self, body: bytes, *, n_prompt: int) -> Completion:
        """Return the one answer that a completion of a prompt of ``n_prompt`` tokens holds.

        Raises
        ------
        CompletionError : it holds none, several, or one of another question.
        """
        table, choice = _only_choice(body)
        _check_prompt(table, choice, n_prompt)
        reason = choice.get("finish_reason")
        if not isinstance(reason, str) or reason not in _ENDED | _CUT:
            raise CompletionError("ends for a reason that is neither stop nor length")
        if (ids := choice.get("token_ids")) is not None:
            self._check_alike(self._checked(ids), choice.get("text"))
            text, n_tokens, has_ended = self.end.read(ids, self.tokenizer)
        else:
            text, n_tokens, has_ended = self._read_text(choice.get("text"))
            self._check_length(n_tokens, _counted(table, "completion_tokens"))
        return Completion(
            text=text,
            n_tokens=n_tokens,
            has_ended=has_ended or reason in _ENDED,
            build=table.get("system_fingerprint"),
        )

    def _checked(self, ids: Any) -> list[int]:
        if not isinstance(ids, list) or any(type(token) is not int for token in ids):
            raise CompletionError("has token_ids that are no list of whole numbers")
        if len(ids) > self.max_new_tokens:
            raise CompletionError(
                f"has {len(ids):,} tokens where {self.max_new_tokens:,} at most were asked for"
            )
        if any(
            not 0 <= token < 2**31 or self.tokenizer.convert_ids_to_tokens(token) is None for token in ids
        ):
            raise CompletionError(
                "has tokens that the loaded model's tokenizer does not know: it is another model"
            )
        return ids

    def _check_alike(self, ids: list[int], text: Any) -> None:
        """Refuse a text that goes beyond its tokens; it may be shorter, by what ended it."""
        if not isinstance(text, str) or not (letters := _letters(text)):
            return
        for skips in (True, False):  # whether a server leaves out special tokens is its own affair
            if _letters(str(self.tokenizer.decode(ids, skip_special_tokens=skips))).startswith(letters):
                return
        raise CompletionError(f"holds a text that is not that of its {len(ids):,} token_ids")

    def _check_length(self, n_tokens: int, counted: float | None) -> None:
        """Refuse a text of more tokens than were asked for: as the server counts, and by its length."""
        wanted = self.max_new_tokens
        if n_tokens > _LONGEST_READ_AGAIN * wanted:  # whatever the server counts
            counted = max(n_tokens, counted or 0)
        if counted is not None and counted > wanted:
            raise CompletionError(f"has {counted:,} tokens where {wanted:,} at most were asked for")

    def _read_text(self, text: Any) -> tuple[str, int, bool]:
        """Return a text without the special tokens that a server left in it, its tokens, and if it ended."""
        if not isinstance(text, str):
            raise CompletionError(f"holds no text, got {type(text).__name__}")
        if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise CompletionError("holds half of a character, which is no text")
        has_ended = False
        if self.special_markers():  # they were asked for, and all other special tokens come with them
            for token in sorted(special_ids(self.tokenizer)):
                content = self._content(token)
                if token in self.end.ids and content in text:
                    text, has_ended = text[: text.index(content)], True
                elif not is_marker(content):
                    text = text.replace(content, "")
        if (cut := self.end.cut(text)) is not None:
            text, has_ended = cut, True
        return text, len(self.tokenizer.encode(text, add_special_tokens=False)), has_ended

    def _content(self, token: int) -> str:
        return str(self.tokenizer.convert_ids_to_tokens(token))


def _check_prompt(table: Mapping[str, Any], choice: Mapping[str, Any], n_prompt: int) -> None:
    """Refuse a completion of another prompt than the one that was sent, as far as the server says so."""
    counted = _counted(table, "prompt_tokens")
    if counted is not None and counted > n_prompt:
        raise CompletionError(
            f"counts {counted:,} prompt tokens where {n_prompt:,} were sent: the server adds some of its "
            "own, or reads them as text"
        )
    if counted and counted < n_prompt:  # 0 is of a server that counts none
        raise CompletionError(
            f"counts {counted:,} prompt tokens where {n_prompt:,} were sent: the server cuts the prompt, or "
            "reads it as text"
        )
    if table.get("truncated") is True or choice.get("truncated") is True:
        raise CompletionError("says that it is truncated: the server cuts prompts; start it for longer ones")


def _counted(table: Mapping[str, Any], name: str) -> float | None:
    """Return a number of tokens that a server counted; None where it counted none."""
    usage = table.get("usage")
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if type(value) in (int, float) else None


def _letters(text: str) -> str:
    """Return letters and digits alone: blanks and signs are those of whoever decodes."""
    return "".join(filter(str.isalnum, text))


def _only_choice(body: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        table = parse_json(body)
    except JsonTextError as error:
        raise CompletionError(f"({len(body):,} bytes) is no completion: it {error}") from None
    choices = table.get("choices") if isinstance(table, Mapping) else None
    if not isinstance(choices, list) or not all(isinstance(choice, Mapping) for choice in choices):
        raise CompletionError(f"({len(body):,} bytes) is no completion: it has no choices")
    if len(choices) != 1:
        raise CompletionError(f"has {len(choices):,} choices where one was asked for")
    return table, choices[0]


def wanted_stops(end: AnswerEnd) -> Mapping[str, Sequence[Any]]:
    """Return what ends an answer, in the words of a question."""
    stops: dict[str, Sequence[Any]] = {"stop_token_ids": list(end.ids)}
    texts = [text for text in (end.turn_text, *end.stop) if text is not None]
    return stops | {"stop": texts} if texts else stops
