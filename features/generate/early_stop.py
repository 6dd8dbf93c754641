"""Answers that end early: at a text that ends them, or with the sentence after which their label is known."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, StoppingCriteria

from unsinter.features.generate.response_text import response_text
from unsinter.features.generate.turn_end import AnswerEnd
from unsinter.features.labelling.label import label_response

SURE = 0.95
"""Probability of a label from which on the rest of an answer is not waited for."""

_SENTENCE_ENDS = (".", "!", "?", '."', '!"', '?"', ".)", "\n")


class StopAtText(StoppingCriteria):
    """Ends each answer of a batch that holds a text which ends it; what it began with the prompt is none."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, n_prompt: int, end: AnswerEnd) -> None:
        self.tokenizer, self.n_prompt, self.end = tokenizer, n_prompt, end

    def __call__(self, input_ids: Tensor, scores: Any, **_others: Any) -> Tensor:
        """Return which rows have ended (n_rows,)."""
        new = input_ids[:, self.n_prompt :].tolist()
        ended = [self.end.cut(response_text(self.tokenizer, ids)) is not None for ids in new]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


class StopWhenDecided(StoppingCriteria):
    """Ends each answer of a batch with the first sentence after which our rules are sure of its label.

    Attributes
    ----------
    n_tokens : row -> new tokens after which its answer was ended.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, n_prompt: int, opened: Sequence[str | None]
    ) -> None:
        self.tokenizer, self.n_prompt, self.opened = tokenizer, n_prompt, opened
        self.n_tokens: dict[int, int] = {}

    def __call__(self, input_ids: Tensor, scores: Any, **_others: Any) -> Tensor:
        """Return which rows have ended (n_rows,)."""
        for row, ids in enumerate(input_ids[:, self.n_prompt :].tolist()):
            if row not in self.n_tokens and self._is_decided(row, ids):
                self.n_tokens[row] = len(ids)
        ended = [row in self.n_tokens for row in range(len(input_ids))]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)

    def _is_decided(self, row: int, ids: Sequence[int]) -> bool:
        text = (self.opened[row] or "") + response_text(self.tokenizer, ids)
        if not text.rstrip(" ").endswith(_SENTENCE_ENDS):
            return False
        label = label_response(text, truncated=True)
        return label.refusal in ("refusal", "compliance") and label.scores[label.refusal] >= SURE
