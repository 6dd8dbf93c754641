"""The text side of a model, without its weights: enough to render prompts and to find positions in them."""

from dataclasses import dataclass
from typing import cast

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from unsinter.features.model.model import ChatModel


@dataclass(frozen=True, slots=True, kw_only=True)
class _TextSide:
    name: str
    tokenizer: PreTrainedTokenizerBase
    is_causal: bool


def load_tokenizer_only(
    path: str, *, name: str, revision: str | None = None, chat_template: str | None = None
) -> ChatModel:
    """Return what rendering needs of a model; nothing else of it is there.

    Raises whatever the readers of tokenizers and configs raise.
    """
    of = revision or "main"
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, revision=of)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    config = AutoConfig.from_pretrained(path, trust_remote_code=False, revision=of)
    architectures = getattr(config, "architectures", None) or ()
    is_causal = any("CausalLM" in name or "LMHead" in name for name in architectures)
    # Rendering reads these three fields alone.
    return cast(ChatModel, _TextSide(name=name, tokenizer=tokenizer, is_causal=is_causal))
