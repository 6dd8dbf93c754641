"""Measure what `unsinter check` takes: python benchmarks/readers.py --out benchmarks/results/readers.json

Memory is the peak of a process of its own above what it had before the first file was opened, divided by the
prompts; time is the process's own, without what others on the machine take. Prompts are drawn word by word,
with the frequencies of a vocabulary of 5,000 words (Zipf), or made of one template with three slots.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from machine import describe

from unsinter.studies.data.check import check_data

SIZES = {
    "prompts": (1_000, 10_000, 100_000),
    "template": (1_000, 5_000, 20_000),
    "half_template": (1_000, 2_000, 4_000),
}


def words(draw: random.Random, n: int) -> list[str]:
    """Return n distinct made-up words of three to nine letters."""
    made: dict[str, None] = {}
    while len(made) < n:
        made["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9)))] = None
    return list(made)


def prompts(draw: random.Random, n: int) -> Iterator[str]:
    """Yield texts of 8 to 40 words, frequent words more often."""
    vocabulary = words(draw, 5_000)
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    for _ in range(n):
        yield " ".join(draw.choices(vocabulary, weights, k=draw.randint(8, 40)))


def template(draw: random.Random, n: int, *, n_fixed: int = 6, per_slot: int = 1) -> Iterator[str]:
    """Yield distinct texts of one template with three slots."""
    vocabulary, made = words(draw, 400), set[str]()
    while len(made) < n:
        parts = []
        for slot in range(3):
            parts += vocabulary[slot * n_fixed : (slot + 1) * n_fixed]
            parts += [vocabulary[100 + slot * 40 + draw.randrange(40)] for _ in range(per_slot)]
        text = " ".join(parts)
        if text not in made:
            made.add(text)
            yield text


def half_template(draw: random.Random, n: int) -> Iterator[str]:
    """Yield texts that share about half with one another: too little for near copies."""
    return template(draw, n, n_fixed=3, per_slot=2)


KINDS: dict[str, Callable[[random.Random, int], Iterator[str]]] = {
    "prompts": prompts,
    "template": template,
    "half_template": half_template,
}


def measure(kind: str, n: int) -> dict[str, object]:
    """Check n prompts of a kind in this process; return kB and ms a prompt, and the groups found."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompts.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, text in enumerate(KINDS[kind](draw, n)):
                record = {
                    "id": f"prompt-{number}",
                    "prompt": text,
                    "harmful": number % 2 == 0,
                    "category": f"category {number % 14}",
                    "source": f"source {number % 5}",
                    "licence": "CC-BY-4.0",
                    "split_group": f"g{number}",
                }
                file.write(json.dumps(record) + "\n")
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        report = check_data([path])
        seconds = time.process_time() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert report.grouping is not None
    return {
        "kind": kind,
        "prompts": n,
        "kB_per_prompt": round((peak - before) * 1.024 / n, 2),
        "ms_per_prompt": round(seconds / n * 1000, 3),
        "seconds": round(seconds, 1),
        "groups": report.grouping.n_groups,
    }


def main() -> None:
    """Measure every size in a process of its own and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("KIND", "N"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return
    rows = []
    for kind, sizes in SIZES.items():
        for n in sizes:
            command = [sys.executable, __file__, "--one", kind, str(n)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(json.loads(done.stdout))
            print(rows[-1], flush=True)
    if options.out:
        options.out.write_text(json.dumps({"machine": describe(), "check": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
