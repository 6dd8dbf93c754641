"""The text of a generated response, with the markers that set its reasoning apart."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from unsinter.features.labelling.prose.reasoning import is_marker, open_marker
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


def response_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Return generated ids as text without special tokens, except those that mark reasoning and answer."""
    special = special_ids(tokenizer)
    markers = {
        token for token in set(ids) & special if is_marker(str(tokenizer.convert_ids_to_tokens(token)))
    }
    if not markers:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True))
    kept = [token for token in ids if token not in special or token in markers]
    return str(tokenizer.decode(kept, skip_special_tokens=False))


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the ids that a decoder drops on demand."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return {*tokenizer.all_special_ids, *(n for n, token in added.items() if token.special)}


def reasoning_opened(model: ChatModel, row: RenderedPrompt) -> str | None:
    """Return the marker by which a prompt's template opens the reasoning; None where the response opens
    its own."""
    after = list(row.token_ids[row.instruction[1] : row.prompt_end])
    return open_marker(str(model.tokenizer.decode(after, skip_special_tokens=False)))
