"""Where an answer ends: at the model's end tokens, and where its chat template ends a turn."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from unsinter.features.generate.response_text import response_text
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.clock import DEFAULT_DATE
from unsinter.features.rendering.framing import RenderError, TemplateFrame, encode, render_messages

logger = logging.getLogger(__name__)

# Words that hardly any template writes itself: what stands behind the second is the end of a turn.
_TURNS = (("user", "zebra"), ("assistant", "fjord"), ("user", "mulch"))
_LEAST = 2
"""Letters of the shortest text that is taken for the end of a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    """What ends an answer; whichever comes first."""

    model_ids: tuple[int, ...]
    """Ids that the model's generation settings and its tokenizer name."""

    turn_id: int | None = None
    """Special token with which the chat template ends a turn, where none of the model's does."""

    turn_text: str | None = None
    """The same as text, where the template writes no special token there."""

    lead: str = ""
    """What the template writes between the answer and either of the two."""

    stop: tuple[str, ...] = ()
    """Texts before which whoever asks wants an answer to end."""

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids that end an answer, in rising order."""
        return tuple(sorted({*self.model_ids, *(() if self.turn_id is None else (self.turn_id,))}))

    @property
    def is_extended(self) -> bool:
        """Whether the chat template ends a turn otherwise than the model's own ids do."""
        return self.turn_id is not None or self.turn_text is not None

    @property
    def is_by_ids(self) -> bool:
        """Whether ids alone end an answer, which a model's own generation looks for."""
        return self.turn_text is None and not self.stop

    def cut(self, text: str) -> str | None:
        """Return the part of a text before what ends an answer in words; None where nothing does."""
        marks = [mark for mark in (self.turn_text, *self.stop) if mark is not None and mark in text]
        if not marks:
            return None
        first = min(marks, key=text.index)
        part = text[: text.index(first)]
        return part.removesuffix(self.lead) if first == self.turn_text else part

    def read(self, ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> tuple[str, int, bool]:
        """Return the answer among generated ids as text, its number of tokens, and whether it has ended."""
        past = next((i for i, token in enumerate(ids) if token in self.ids), len(ids))
        kept, has_ended = list(ids[:past]), past < len(ids)
        text = response_text(tokenizer, kept)
        if (cut := self.cut(text)) is not None:
            past = next(
                n for n in range(len(kept) + 1) if len(response_text(tokenizer, kept[:n])) >= len(cut)
            )
            return cut, past, True
        if has_ended and ids[past] == self.turn_id:
            text = text.removesuffix(self.lead)
        return text, past, has_ended


def answer_end(model: ChatModel, model_ids: Sequence[int]) -> AnswerEnd:
    """Return what ends an answer: ``model_ids``, and what else the chat template ends a turn with.

    A warning says where the template's end had to be added, and where it cannot be told.
    """
    plain = AnswerEnd(model_ids=tuple(model_ids))
    if not model.tokenizer.chat_template:
        return plain
    behind = _behind_an_answer(model)
    if behind is None or not behind.strip():
        logger.warning(
            "%s: where its chat template ends a turn cannot be told; answers end at the model's end tokens "
            "%s or at max_new_tokens",
            model.name, list(model_ids),
        )  # fmt: skip
        return plain
    [(ids, offsets)] = encode(model, [behind], specials=False)
    place = next((i for i, token in enumerate(ids) if _is_mark(model.tokenizer, token)), None)
    if place is not None and (ids[place] in model_ids or _is_hidden_before_end(model, ids, place, model_ids)):
        return plain
    if place is None:
        return _ends_in_text(model, plain, behind)
    lead = behind[: offsets[place][0]] if offsets is not None else _text(model.tokenizer, ids[:place])
    end = AnswerEnd(model_ids=plain.model_ids, turn_id=ids[place], lead=lead)
    _say(model, end, repr(model.tokenizer.convert_ids_to_tokens(ids[place])))
    return end


def _ends_in_text(model: ChatModel, plain: AnswerEnd, behind: str) -> AnswerEnd:
    """Return the end of an answer where the template writes words, such as the next turn's heading."""
    mark = behind.strip().splitlines()[0].rstrip()
    if len(mark) < _LEAST:
        logger.warning(
            "%s: its chat template ends a turn with %r alone, which answers hold too; they end at the "
            "model's end tokens or at max_new_tokens",
            model.name, mark,
        )  # fmt: skip
        return plain
    end = AnswerEnd(model_ids=plain.model_ids, turn_text=mark, lead=behind[: behind.index(mark)])
    _say(model, end, f"the text {mark!r}")
    return end


def _say(model: ChatModel, end: AnswerEnd, mark: str) -> None:
    logger.warning(
        "%s: its end tokens %s lack %s, with which its chat template ends a turn; answers end there too",
        model.name, list(end.model_ids), mark,
    )  # fmt: skip


def _behind_an_answer(model: ChatModel) -> str | None:
    """Return what the template writes behind an answer, else before the next prompt; None if unknown."""
    bare = TemplateFrame(
        kind="chat", system=None, options={}, prefix="", suffix="", prefix_ids=(), suffix_ids=(),
        date=DEFAULT_DATE,
    )  # fmt: skip
    behind = None
    for n in (2, 3):
        turns = [{"role": role, "content": word} for role, word in _TURNS[:n]]
        try:
            text, _ = render_messages(model, turns, bare, add_generation_prompt=False, where="a trial turn")
        except RenderError:
            continue
        if text.count(_TURNS[1][1]) != 1:
            continue
        past = text.split(_TURNS[1][1])[1]
        behind = past if n == 2 else past.split(_TURNS[2][1])[0]
        if behind.strip():
            return behind
    return behind


def _is_mark(tokenizer: PreTrainedTokenizerBase, token: int) -> bool:
    """Whether a token is a sign rather than text: special, or added to the vocabulary, and not blank."""
    added = tokenizer.added_tokens_decoder.get(token)
    return token in tokenizer.all_special_ids or (added is not None and not added.content.isspace())


def _is_hidden_before_end(model: ChatModel, ids: Sequence[int], place: int, ends: Sequence[int]) -> bool:
    """Whether a sign that no answer shows is followed by one of the model's own end tokens."""
    return ids[place] in model.tokenizer.all_special_ids and any(token in ends for token in ids[place:])


def _text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True))
