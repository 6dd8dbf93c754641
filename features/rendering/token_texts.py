"""The text behind every token of a rendered prompt, and how signs that nobody sees are written out."""

import unicodedata
from collections.abc import Sequence

from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.clock import DEFAULT_DATE
from unsinter.features.rendering.encoding import encode
from unsinter.features.rendering.framing import TemplateChoice, apply_template, make_frame
from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.features.rendering.template_input import RenderError, TemplateInput

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of signs that are not drawn, or that a terminal or a page acts on."""

_JOINERS = "\u200c\u200d"
"""Between letters of Persian or parts of an emoji: without them the text would be another one."""


def visible(text: str) -> str:
    """Return a text with its line breaks, escapes, marks of direction and unseen signs written out.

    Letters, spaces and marks of every script stay as they are.
    """
    return "".join(
        sign if sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN else _written_out(sign)
        for sign in text
    )


def _written_out(sign: str) -> str:
    return "\u21b5" if sign == "\n" else ascii(sign)[1:-1]


def token_texts(
    model: ChatModel,
    row: RenderedPrompt,
    text: str,
    *,
    template: TemplateChoice = "auto",
    beside: TemplateInput | None = None,
    date: str | None = None,
) -> tuple[str, ...]:
    """Return the characters that each token adds to those before it (n_tokens,).

    Where several tokens are pieces of one character, the first has it and the others are empty. A token that
    stands for no character, as a tokenizer's own ``[CLS]``, has its name. Joined, all but such names are the
    text that the model reads.

    Parameters
    ----------
    row : ``text`` as `render` rendered it, with the same ``template``, ``beside`` and ``date``.

    Raises
    ------
    RenderError : the row is not this text's.
    """
    where = f"prompt {row.id!r}"
    frame = make_frame(model, template=template, beside=beside, date=date or DEFAULT_DATE)
    is_raw = frame.kind == "raw"
    full = text if is_raw else apply_template(model, frame, text, where=where)[0]
    [(ids, offsets)] = encode(model, [full], specials=is_raw)
    if ids != row.token_ids[: row.prompt_end]:
        raise RenderError(f"{where}: its tokens are not those of this text; render it in the same way.")
    if offsets is None:
        return _by_decoding(model, ids)
    return _by_offsets(model, ids, offsets, full)


def _by_offsets(
    model: ChatModel, ids: Sequence[int], offsets: Sequence[tuple[int, int]], full: str
) -> tuple[str, ...]:
    texts, shown = [], 0
    for token, (start, end) in zip(ids, offsets, strict=True):
        if start == end:
            texts.append(_name(model, token) if token in model.tokenizer.all_special_ids else "")
            continue
        # What lies between two tokens, a space that the tokenizer drops, say, is put before the second.
        texts.append(full[shown:end] if end > shown else "")
        shown = max(shown, end)
    return tuple(texts)


def _by_decoding(model: ChatModel, ids: Sequence[int]) -> tuple[str, ...]:
    """Return what each token adds to the decoded text, for tokenizers that report no offsets."""
    texts, before = [], ""
    for n in range(1, len(ids) + 1):
        now = str(model.tokenizer.decode(list(ids[:n]), clean_up_tokenization_spaces=False))
        if now.endswith("\ufffd") and n < len(ids):  # the first bytes of a character
            texts.append("")
            continue
        texts.append(now.removeprefix(before) if now.startswith(before) else _name(model, ids[n - 1]))
        before = now
    return tuple(texts)


def _name(model: ChatModel, token: int) -> str:
    return str(model.tokenizer.convert_ids_to_tokens(int(token)))
