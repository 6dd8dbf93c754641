"""Feed the readers thousands of changed files: python tests/fuzz/fuzz_readers.py jsonl -runs=100000

Readers are jsonl, csv, parquet, study and probe. With atheris (`pip install atheris`, Linux on x86-64)
inputs follow the coverage of our code, and further options are libFuzzer's (-max_total_time=60).
Without it they are drawn at random from the seeds 0 to runs - 1, which a failure names.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

sys.path.append(str(Path(__file__).parents[1] / "samples"))

with atheris.instrument_imports(include=["unsinter", "yaml"]) if atheris else nullcontext():
    from hostile_files import Csv, Jsonl, Parquet, ProbeFile, StudyFile, is_named

READERS = {"jsonl": Jsonl, "csv": Csv, "parquet": Parquet, "study": StudyFile, "probe": ProbeFile}


def read_one(reader: Jsonl | StudyFile | ProbeFile, draw: Callable[[int], int]) -> None:
    """Read one changed file; whatever is neither read nor refused by name is raised."""
    try:
        reader.run(draw)
    except Exception as error:
        if not is_named(error):
            raise


def by_coverage(reader: Jsonl | StudyFile | ProbeFile) -> None:
    """Let atheris choose until its options say that it is enough."""

    def one_input(data: bytes) -> None:
        choices = atheris.FuzzedDataProvider(data)
        read_one(reader, lambda n: choices.ConsumeIntInRange(0, n - 1))

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one_input)
    atheris.Fuzz()


def at_random(reader: Jsonl | StudyFile | ProbeFile, runs: int) -> None:
    """Read one file per seed."""
    for seed in range(runs):
        try:
            read_one(reader, random.Random(seed).randrange)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    print(f"{runs} files read or refused by name")


def main() -> None:
    """Run until a file is neither read nor refused by name, or it is enough."""
    with tempfile.TemporaryDirectory() as folder:
        reader = READERS[sys.argv[1]](Path(folder))
        if atheris:
            by_coverage(reader)
        else:
            runs = [option for option in sys.argv[2:] if option.startswith("-runs=")]
            at_random(reader, int(runs[-1].removeprefix("-runs=")) if runs else 100_000)


if __name__ == "__main__":
    main()
