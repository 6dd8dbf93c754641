"""What grows with the prompts: a cache by its rows, a run by its steps, and what `doctor --study` says of it.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [--only cache|runs] [--rows N,N,...] [--sizes N,N,...]
        [--commits N] [--generate] [--keep FOLDER] [--out FILE]

The part `cache` is measured by `cache_growth.py` at --rows, the part `runs` by `growth.py` at --sizes: what
each does stands there. With --only the other part of the file stays as it was; each names its machine.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cache_growth
import growth


def main() -> None:
    """Measure, and write what is there so far after each part and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("cache", "runs"))
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--sizes", default="2000,20000,100000")
    parser.add_argument("--commits", type=int, default=520, help="over 512, so that folds are among them")
    parser.add_argument("--generate", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scale.json")
    options = parser.parse_args()
    result = json.loads(options.out.read_text()) if options.only and options.out.exists() else {}

    def write(part: str, figures: dict[str, Any]) -> None:
        result[part] = figures
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        if options.only != "runs":
            figures = cache_growth.measured(_numbers(options.rows), folder, n_commits=options.commits)
            write("cache", figures)
            print(json.dumps(figures, indent=1), flush=True)
        if options.only != "cache":
            for figures in growth.measured(_numbers(options.sizes), folder, generate=options.generate):
                write("runs", figures)
                print(json.dumps(figures["runs"][-1], indent=1), flush=True)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
