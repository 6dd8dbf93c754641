"""Turns conversations into batches of token ids for training."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from transformers import PreTrainedTokenizerFast

from unsinter.studies.planted.corpus import Exchange
from unsinter.studies.planted.tokenizer import prompt_ids

POOL_BATCHES = 16


def batches(
    tokenizer: PreTrainedTokenizerFast, stream: Iterator[Exchange], *, rows: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and where the response is, (rows, tokens) each, padded right; rows of like length."""
    rng = random.Random(f"batches {seed}")
    while True:
        pool = list(islice(stream, rows * POOL_BATCHES))
        prompts = prompt_ids(tokenizer, [c.prompt for c in pool])
        ends = [c.response + tokenizer.eos_token for c in pool]
        responses: list[list[int]] = tokenizer(ends, add_special_tokens=False)["input_ids"]
        pairs = sorted(zip(prompts, responses, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
        chunks = [pairs[i : i + rows] for i in range(0, len(pairs), rows)]
        rng.shuffle(chunks)
        for chunk in chunks:
            yield _padded(chunk, int(tokenizer.pad_token_id))


def _padded(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(prompt) + len(response) for prompt, response in rows)
    ids = torch.full((len(rows), width), pad)
    is_response = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, (prompt, response) in enumerate(rows):
        end = len(prompt) + len(response)
        ids[row, :end] = torch.tensor(prompt + response)
        is_response[row, len(prompt) : end] = True
    return ids, is_response
