"""Largest difference between extracted activations and a model's own hidden states, by architecture.

    python benchmarks/architectures.py

Uses the tiny random-weight models and the oracle of `tests/features`: every layer, three
positions, prompts of mixed lengths in padded batches, both padding sides, with and without a chat template.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
from machine import describe

from unsinter.features.extract.extraction import ExtractionOptions, extract
from unsinter.features.model.model import ChatModel, load_model
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import render

TESTS = Path(__file__).resolve().parent.parent / "tests" / "features"
POSITIONS = ["instruction_end", "template_end", "instruction_mean"]
PLAIN_SCALE = ("t5", "gemma4")
"""Models that start with larger weights; unscaled they have streams as long as the others'."""


def module(name: str) -> ModuleType:
    """Return a module of the tests, loaded by its path."""
    spec = importlib.util.spec_from_file_location(f"extraction_{Path(name).stem}", TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def largest_difference(
    model: ChatModel, zoo: ModuleType, tests: ModuleType, template: str, side: str
) -> float:
    """Return the largest absolute difference over prompts, layers and positions, in activation units."""
    rows = render(tests.PROMPTS, model, template=template)
    outcome = extract(
        model,
        rows,
        zoo.MemoryStore(),
        layers="all",
        positions=POSITIONS,
        options=ExtractionOptions(padding_side=side, token_budget=300),
    )
    worst = 0.0
    for index, row in enumerate(rows):
        streams = tests.oracle(model, row)[0]
        for position in POSITIONS:
            start, past = resolve_position(position, row)
            for layer in outcome.layers:
                expected = streams[layer][start:past].mean(axis=0)
                value = outcome.activations(layer, position)[index]
                worst = max(worst, float(np.abs(value - expected).max()))
    return worst


def main() -> None:
    """Measure every architecture of the tests and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "architectures.json")
    arguments = parser.parse_args()
    zoo, tests = module("conftest"), module("extract/test_extract_values")
    figures = {}
    for name, recipe in {**zoo.LISTED, **zoo.UNLISTED}.items():
        with tempfile.TemporaryDirectory() as folder:
            zoo.build(Path(folder), recipe, scale=1.0 if name in PLAIN_SCALE else 3.0)
            model = load_model(folder, dtype="float32", device="cpu")
        templates = ["chat", "raw"] if model.tokenizer.chat_template else ["raw"]
        sides = ["right"] if name == "convbert" else ["right", "left"]
        figures[name] = max(
            largest_difference(model, zoo, tests, template, side) for template in templates for side in sides
        )
        print(f"{name:24s} {figures[name]:.1e}", file=sys.stderr, flush=True)
    result = {"machine": describe(), "dtype": "float32", "bar": 1e-5, "largest_difference": figures}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    cells = [f"{name} {value:.1e}" for name, value in sorted(figures.items(), key=lambda pair: -pair[1])]
    print("; ".join(cells))


if __name__ == "__main__":
    main()
