"""Extraction against the bare forward pass and against `output_hidden_states`, side by side in one run.

    python benchmarks/extraction.py                      # CPU: a 12-layer random-weight Llama, float32
    python benchmarks/extraction.py --shape gemma-2-2b   # GPU: random weights of that shape, bfloat16

Every contender reads the same prompts in every repeat, in turn, so a busy machine slows all of them alike.
Tokens per second count real tokens, padding left out.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig, PreTrainedTokenizerFast

from unsinter.cache import ActivationStore
from unsinter.features.extract.extraction import default_budget, extract
from unsinter.features.extract.forward import make_reader, pad_id
from unsinter.features.model.model import ChatModel, wrap_model
from unsinter.features.rendering.batches import make_batch, plan_batches
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt, render

POSITIONS = ("instruction_end", "template_end")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start>{{ m['role'] }}\n{{ m['content'] }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<start>model\n{% endif %}"
)
SHAPES: dict[str, dict[str, Any]] = {
    "llama-small": {"layers": 12, "width": 512, "heads": 8, "inner": 1408, "vocabulary": 32_000},
    "gemma-2-2b": {"layers": 26, "width": 2304, "heads": 8, "inner": 9216, "vocabulary": 256_000},
    "gemma-2-9b": {"layers": 42, "width": 3584, "heads": 16, "inner": 14336, "vocabulary": 256_000},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to get the activations; ``run`` reads all prompts once."""

    name: str
    run: Callable[[], object]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a small byte-level BPE tokenizer with a chat template; ids fit every shape's vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<bos>", "<pad>", "<start>", "<end>"]
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=special)
    tokenizer.train_from_iterator([" ".join(words(0, 4000))], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", pad_token="<pad>", chat_template=TEMPLATE
    )


def words(seed: int, n: int) -> list[str]:
    """Return pseudo-words of three to nine letters."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return ["".join(rng.choice(letters, size=rng.integers(3, 10))) for _ in range(n)]


def make_prompts(n: int, *, seed: int, median_words: int) -> list[tuple[str, str]]:
    """Return prompts of mixed lengths: log-normal, most short, some ten times longer."""
    rng = np.random.default_rng(seed)
    pool = words(seed, 2000)
    lengths = np.clip(rng.lognormal(np.log(median_words), 0.8, size=n).astype(int), 3, 20 * median_words)
    return [(f"p{i}", " ".join(rng.choice(pool, size=length))) for i, length in enumerate(lengths)]


def make_model(shape: str, *, device: str, dtype: torch.dtype) -> ChatModel:
    """Return a random-weight causal language model of the shape, made on the device."""
    size = SHAPES[shape]
    kind = Gemma2Config if shape.startswith("gemma") else LlamaConfig
    config = kind(
        vocab_size=size["vocabulary"],
        hidden_size=size["width"],
        intermediate_size=size["inner"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["heads"] // 2,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=3,
        pad_token_id=1,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return wrap_model(model, make_tokenizer(), name=shape)


def bare_forward(model: ChatModel, rows: Sequence[RenderedPrompt], budget: int) -> None:
    """Run the backbone on the batches that extraction uses, and keep nothing."""
    ordered = sorted(rows, key=lambda row: (len(row.token_ids), row.key))
    pad = pad_id(model)
    for first, past in plan_batches([len(row.token_ids) for row in ordered], token_budget=budget):
        batch = make_batch(ordered[first:past], pad_id=pad, padding_side="right")
        with torch.inference_mode():
            model.backbone(
                input_ids=batch.input_ids.to(model.device),
                attention_mask=batch.attention_mask.to(model.device),
                **model.options,
            )
    synchronise(model)


def read_only(model: ChatModel, rows: Sequence[RenderedPrompt], budget: int, layers: Sequence[int]) -> None:
    """Extract on the same batches without a store."""
    ordered = sorted(rows, key=lambda row: (len(row.token_ids), row.key))
    reader = make_reader(model, padding_side="right")
    for first, past in plan_batches([len(row.token_ids) for row in ordered], token_budget=budget):
        part = ordered[first:past]
        reader.read(part, [[resolve_position(p, row) for p in POSITIONS] for row in part], layers=layers)
    synchronise(model)


def into_cache(model: ChatModel, rows: Sequence[RenderedPrompt], layers: Sequence[int]) -> None:
    """Extract into a fresh cache on disk: self-check, checksums and fsync included."""
    with tempfile.TemporaryDirectory() as folder:
        store = ActivationStore.open(Path(folder), model.identity)
        extract(model, rows, store, layers=layers, positions=POSITIONS)


def notebook_loop(model: ChatModel, rows: Sequence[RenderedPrompt], layers: Sequence[int]) -> None:
    """Do what notebooks do: full model with head, all hidden states, batches of 8 in the given order."""
    pad = pad_id(model)
    kept = []
    for first in range(0, len(rows), 8):
        part = rows[first : first + 8]
        batch = make_batch(part, pad_id=pad, padding_side="right")
        with torch.inference_mode():
            output = model.model(
                input_ids=batch.input_ids.to(model.device),
                attention_mask=batch.attention_mask.to(model.device),
                output_hidden_states=True,
            )
        index = torch.arange(len(part))
        for position in POSITIONS:
            last = torch.tensor([resolve_position(position, row)[1] - 1 for row in part])
            kept.append(torch.stack([output.hidden_states[layer][index, last] for layer in layers]).cpu())
    synchronise(model)


def synchronise(model: ChatModel) -> None:
    """Wait for the device, so that a wall clock sees the work."""
    if model.device.type == "cuda":
        torch.cuda.synchronize()


def measure(contenders: Sequence[Contender], *, repeats: int, n_tokens: int) -> dict[str, dict[str, Any]]:
    """Run all contenders in turn, ``repeats`` times after a warm-up; return seconds and tokens per second."""
    wall: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    cpu: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for repeat in range(repeats + 1):
        order = contenders if repeat % 2 else contenders[::-1]
        for contender in order:
            gc.collect()
            started = time.perf_counter(), time.process_time()
            contender.run()
            if repeat:
                wall[contender.name].append(round(time.perf_counter() - started[0], 4))
                cpu[contender.name].append(round(time.process_time() - started[1], 4))
    return {
        name: {
            "seconds": values,
            "cpu_seconds": cpu[name],
            "tokens_per_second": round(n_tokens / statistics.median(values), 1),
        }
        for name, values in wall.items()
    }


def ratio(measured: dict[str, dict[str, Any]], one: str, other: str, *, clock: str) -> dict[str, float]:
    """Return how many times faster ``one`` is than ``other``: median and range of the repeats' own ratios."""
    pairs = zip(measured[one][clock], measured[other][clock], strict=True)
    ratios = sorted(slow / fast for fast, slow in pairs)
    return {
        "median": round(statistics.median(ratios), 3),
        "low": round(ratios[0], 3),
        "high": round(ratios[-1], 3),
    }


def benchmark(
    shape: str, *, device: str, n: int, repeats: int, median_words: int, seed: int
) -> dict[str, Any]:
    """Return all figures of one model shape on one device."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    model = make_model(shape, device=device, dtype=dtype)
    rows = render(make_prompts(n, seed=seed, median_words=median_words), model)
    everything = tuple(range(model.n_layers + 1))
    half = (model.n_layers // 2,)
    budget = default_budget(model)
    contenders = [
        Contender(name="bare forward", run=lambda: bare_forward(model, rows, budget)),
        Contender(name="read all layers", run=lambda: read_only(model, rows, budget, everything)),
        Contender(name="extract all layers", run=lambda: into_cache(model, rows, everything)),
        Contender(name="extract to half depth", run=lambda: into_cache(model, rows, half)),
        Contender(name="output_hidden_states", run=lambda: notebook_loop(model, rows, everything)),
    ]
    n_tokens = sum(len(row.token_ids) for row in rows)
    measured = measure(contenders, repeats=repeats, n_tokens=n_tokens)
    return {
        "shape": shape,
        "device": torch.cuda.get_device_name(0) if device == "cuda" else "cpu",
        "dtype": str(dtype).removeprefix("torch."),
        "parameters": sum(p.numel() for p in model.model.parameters()),
        "prompts": n,
        "tokens": n_tokens,
        "longest": max(len(row.token_ids) for row in rows),
        "token_budget": budget,
        "positions": list(POSITIONS),
        "seed": seed,
        "repeats": repeats,
        "measured": measured,
        "ratios": {
            clock: {
                "read all layers / bare forward (bar 0.95)": ratio(
                    measured, "read all layers", "bare forward", clock=clock
                ),
                "extract all layers / bare forward": ratio(
                    measured, "extract all layers", "bare forward", clock=clock
                ),
                "extract all layers / output_hidden_states (bar 1.4)": ratio(
                    measured, "extract all layers", "output_hidden_states", clock=clock
                ),
                "extract to half depth / output_hidden_states (bar 2)": ratio(
                    measured, "extract to half depth", "output_hidden_states", clock=clock
                ),
            }
            # On a GPU the processor's clock says nothing: it mostly waits.
            for clock in (("seconds",) if device == "cuda" else ("seconds", "cpu_seconds"))
        },
    }


def main() -> None:
    """Run the benchmark and write its figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, action="append", help="may be repeated")
    parser.add_argument("--prompts", type=int, default=None)
    parser.add_argument("--words", type=int, default=30, help="median words of a prompt")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    n = arguments.prompts or (1024 if device == "cuda" else 128)
    runs = []
    for shape in arguments.shape or ["llama-small"]:
        runs.append(
            benchmark(
                shape,
                device=device,
                n=n,
                repeats=arguments.repeats,
                median_words=arguments.words,
                seed=arguments.seed,
            )
        )
        print(json.dumps(runs[-1], indent=1), flush=True)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    out = arguments.out or Path(__file__).parent / "results" / f"extraction-{device}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": describe(), "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
