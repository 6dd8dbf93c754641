"""Trains a planted chat model from a seed: `python -m unsinter.studies.planted.train --help`."""

import argparse
import json
import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from unsinter.studies.planted.behaviour import measure, respond
from unsinter.studies.planted.card import write_card
from unsinter.studies.planted.corpus import MODELS, Conversation, conversations, demo_prompts
from unsinter.studies.planted.tokenizer import CONTEXT_TOKENS, prompt_ids, train_tokenizer

log = logging.getLogger(__name__)

TOKENIZER_TEXTS = 8000
POOL_BATCHES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that shapes the weights, besides the grammar."""

    model: str
    seed: int = 0
    steps: int = 1500
    batch_rows: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    d_model: int = 128
    n_layers: int = 6
    n_heads: int = 4
    d_hidden: int = 256


def train(recipe: Recipe, *, folder: Path, evaluation_pairs: int = 64) -> dict[str, object]:
    """Train, save and measure one model in the folder; return what its `behaviour.json` holds.

    Raises
    ------
    ValueError : the folder lies in this package, or holds files already.
    """
    _check_folder(folder)
    torch.manual_seed(recipe.seed)
    start = time.process_time()
    stream = conversations(recipe.model, seed=recipe.seed)
    tokenizer = train_tokenizer(f"{c.prompt}\n{c.response}" for c in islice(stream, TOKENIZER_TEXTS))
    model = _new_model(recipe, tokenizer)
    losses = _fit(model, tokenizer, stream, recipe)
    cpu_minutes = (time.process_time() - start) / 60
    torch.nn.Module.to(model, torch.float16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    log.info("measuring behaviour on groups never trained on")
    # Measured as shipped: weights rounded to fp16, arithmetic in fp32.
    shipped = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    records = demo_prompts(pairs=evaluation_pairs)
    prompts = [record["prompt"] for record in records]
    figures: dict[str, object] = {
        how: measure(recipe.model, records, respond(shipped, tokenizer, prompts, sample=how == "sampled"))
        for how in ("greedy", "sampled")
    }
    figures |= {
        "recipe": asdict(recipe),
        "loss": losses,
        "cpu_minutes": cpu_minutes,
        "parameters": model.num_parameters(),
    }
    text = json.dumps(figures, indent=2) + "\n"
    (folder / "behaviour.json").write_text(text, encoding="utf-8")
    write_card(folder, json.loads(text))
    return figures


def _check_folder(folder: Path) -> None:
    # An editable install is a farm of links, so the package has two places: the links and the sources.
    packages = {Path(__file__).absolute().parent, Path(__file__).resolve().parent}
    if packages & {
        folder.absolute(),
        *folder.absolute().parents,
        folder.resolve(),
        *folder.resolve().parents,
    }:
        raise ValueError(f"{folder} lies inside the installed package; name a folder outside it.")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)


def _new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.d_model,
        intermediate_size=recipe.d_hidden,
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=recipe.n_heads,
        num_key_value_heads=recipe.n_heads,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _fit(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stream: Iterator[Conversation],
    recipe: Recipe,
) -> list[float]:
    """Train in place; return the mean response loss, nats per token, of every hundredth part of the steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, recipe))
    batches = _batches(stream, tokenizer, recipe)
    losses: list[float] = []
    window: list[float] = []
    every = max(1, recipe.steps // 100)
    began = time.perf_counter()
    for step in range(1, recipe.steps + 1):
        loss = _response_loss(model, *next(batches))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        window.append(loss.item())
        if step % every == 0:
            losses.append(sum(window) / len(window))
            window.clear()
            pace = (time.perf_counter() - began) / step
            log.info("step %d of %d: response loss %.3f, %.2f s a step", step, recipe.steps, losses[-1], pace)
    return losses


def _response_loss(model: LlamaForCausalLM, ids: torch.Tensor, is_response: torch.Tensor) -> torch.Tensor:
    """Return the mean loss over response tokens, nats; ids and is_response (rows, tokens)."""
    states = model.model(input_ids=ids[:, :-1]).last_hidden_state
    # Only these rows pass the output layer, which would otherwise cost a fifth of a step.
    targets = is_response[:, 1:]
    return cross_entropy(model.lm_head(states[targets]), ids[:, 1:][targets])


def _batches(
    stream: Iterator[Conversation], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and where the response is, (rows, tokens) each, padded right; rows of like length."""
    rng = random.Random(f"batches {recipe.seed}")
    while True:
        pool = list(islice(stream, recipe.batch_rows * POOL_BATCHES))
        prompts = prompt_ids(tokenizer, [c.prompt for c in pool])
        ends = [c.response + tokenizer.eos_token for c in pool]
        responses: list[list[int]] = tokenizer(ends, add_special_tokens=False)["input_ids"]
        rows = sorted(zip(prompts, responses, strict=True), key=lambda row: len(row[0]) + len(row[1]))
        chunks = [rows[i : i + recipe.batch_rows] for i in range(0, len(rows), recipe.batch_rows)]
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


def _rate(step: int, recipe: Recipe) -> float:
    """Return the share of the peak learning rate: a linear rise, then a cosine fall to 2 %."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m unsinter.studies.planted.train", description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Recipe.__dataclass_fields__["steps"].default)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; two are rarely faster than one")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    try:
        train(Recipe(model=options.model, seed=options.seed, steps=options.steps), folder=options.out)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
