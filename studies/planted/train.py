"""Trains a planted chat model from a seed: `python -m unsinter.studies.planted.train --help`."""

import argparse
import json
import logging
import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from unsinter.studies.planted.batches import batches
from unsinter.studies.planted.behaviour import measure, respond
from unsinter.studies.planted.card import write_card
from unsinter.studies.planted.corpus import MODELS, conversations, demo_prompts
from unsinter.studies.planted.tokenizer import CONTEXT_TOKENS, train_tokenizer

logger = logging.getLogger(__name__)

TOKENIZER_TEXTS = 8000
PROGRESS_FILE = "progress.json"
LINE = "cycle %d of %d, step %d of %d: response loss %.3f, %.2f s a step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that shapes the weights, besides the grammar."""

    model: str
    seed: int = 0
    steps: tuple[int, ...] = (1500, 800)
    """Steps of each cycle, in which the learning rate rises and falls once over conversations of its own."""

    cycle_decay: float = 0.6
    """Peak learning rate of a cycle over that of the cycle before."""

    batch_rows: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    d_model: int = 128
    n_layers: int = 6
    n_heads: int = 4
    d_hidden: int = 256


def train(recipe: Recipe, *, folder: Path, evaluation_pairs: int = 64) -> dict[str, object]:
    """Train, save and measure one model in the folder; return what its `behaviour.json` holds.

    A run that stopped is taken up after its last whole cycle, and ends with the weights of an unbroken run.

    Raises
    ------
    ValueError : the folder lies in this package, or holds files of anything but the same unfinished run.
    """
    progress = _progress(folder, recipe)
    if progress["cycles"]:
        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, trust_remote_code=False)
    else:
        torch.manual_seed(recipe.seed)
        texts = islice(conversations(recipe.model, seed=_stream_seed(recipe, 0)), TOKENIZER_TEXTS)
        tokenizer = train_tokenizer(f"{c.prompt}\n{c.response}" for c in texts)
        model = _new_model(recipe, tokenizer)
    for cycle in range(progress["cycles"], len(recipe.steps)):
        start = time.process_time()
        progress["loss"] += _fit(model, tokenizer, recipe, cycle=cycle)
        progress["cpu_minutes"] += (time.process_time() - start) / 60
        progress["cycles"] = cycle + 1
        _save(folder, model, tokenizer, progress)
    progress["parameters"] = model.num_parameters()
    figures = _measured(folder, tokenizer, recipe, evaluation_pairs) | progress
    text = json.dumps(figures, indent=2) + "\n"
    (folder / "behaviour.json").write_text(text, encoding="utf-8")
    write_card(folder, json.loads(text))
    (folder / PROGRESS_FILE).unlink()
    return figures


def _save(
    folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, progress: dict[str, Any]
) -> None:
    rounded = deepcopy(model)
    torch.nn.Module.to(rounded, torch.float16)
    rounded.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / PROGRESS_FILE).write_text(json.dumps(progress), encoding="utf-8")
    # Going on from here must equal going on from the folder. Parameters alone: half-precision rotary
    # frequencies would be another model.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())


def _measured(folder: Path, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, pairs: int) -> dict[str, Any]:
    """Return the behaviour on groups never trained on, greedy and sampled, of the model as saved."""
    logger.info("measuring behaviour on groups never trained on")
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    records = demo_prompts(pairs=pairs)
    prompts = [record["prompt"] for record in records]
    return {
        how: measure(recipe.model, records, respond(model, tokenizer, prompts, sample=how == "sampled"))
        for how in ("greedy", "sampled")
    }


def _progress(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Return what the folder holds of this very run, nothing if it is new; ValueError if it holds more."""
    # An editable install is a farm of links, so the package has two places: the links and the sources.
    packages = {Path(__file__).absolute().parent, Path(__file__).resolve().parent}
    if packages & {
        folder.absolute(),
        *folder.absolute().parents,
        folder.resolve(),
        *folder.resolve().parents,
    }:
        raise ValueError(f"{folder} lies inside the installed package; name a folder outside it.")
    new: dict[str, Any] = {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "cycles": 0,
        "loss": [],
        "cpu_minutes": 0.0,
    }
    if (folder / PROGRESS_FILE).is_file():
        progress: dict[str, Any] = json.loads((folder / PROGRESS_FILE).read_text(encoding="utf-8"))
        if progress["recipe"] != new["recipe"]:
            raise ValueError(f"{folder} holds an unfinished run of another recipe; name a new folder.")
        return progress
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return new


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
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, *, cycle: int
) -> list[float]:
    """Train one cycle in place; return the mean response loss (nats per token) of each hundredth of it."""
    steps = recipe.steps[cycle]
    peak = recipe.learning_rate * recipe.cycle_decay**cycle
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, recipe))
    seed = _stream_seed(recipe, cycle)
    stream = islice(conversations(recipe.model, seed=seed), TOKENIZER_TEXTS, None)
    drawn = batches(tokenizer, stream, rows=recipe.batch_rows, seed=seed)
    losses: list[float] = []
    window: list[float] = []
    every = max(1, steps // 100)
    began = time.perf_counter()
    for step in range(1, steps + 1):
        loss = _response_loss(model, *next(drawn))
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
            logger.info(LINE, cycle + 1, len(recipe.steps), step, steps, losses[-1], pace)
    return losses


def _response_loss(model: LlamaForCausalLM, ids: torch.Tensor, is_response: torch.Tensor) -> torch.Tensor:
    """Return the mean loss over response tokens, nats; ids and is_response (rows, tokens)."""
    states = model.model(input_ids=ids[:, :-1]).last_hidden_state
    # Only these rows pass the output layer, which would otherwise cost a fifth of a step.
    targets = is_response[:, 1:]
    return cross_entropy(model.lm_head(states[targets]), ids[:, 1:][targets])


def _stream_seed(recipe: Recipe, cycle: int) -> int:
    return 1000 * recipe.seed + cycle


def _rate(step: int, steps: int, recipe: Recipe) -> float:
    """Return the share of the peak learning rate: a linear rise, then a cosine fall to 2 %."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m unsinter.studies.planted.train", description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, nargs="+", default=Recipe.__dataclass_fields__["steps"].default)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; two are rarely faster than one")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    try:
        recipe = Recipe(model=options.model, seed=options.seed, steps=tuple(options.steps))
        train(recipe, folder=options.out)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
