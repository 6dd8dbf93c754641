"""Feed the readers by coverage: python tests/fuzz/fuzz_readers.py jsonl -runs=100000 (needs atheris)."""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.append(str(Path(__file__).parents[1] / "samples"))

with atheris.instrument_imports(include=["unsinter", "yaml"]):
    from hostile_files import Csv, Jsonl, Parquet, ProbeFile, StudyFile, is_named

READERS = {"jsonl": Jsonl, "csv": Csv, "parquet": Parquet, "study": StudyFile, "probe": ProbeFile}


def main() -> None:
    """Run until a file is neither read nor refused by name."""
    reader = READERS[sys.argv[1]](Path(tempfile.mkdtemp()))

    def one_input(data: bytes) -> None:
        choices = atheris.FuzzedDataProvider(data)
        try:
            reader.run(lambda n: choices.ConsumeIntInRange(0, n - 1))
        except Exception as error:
            if not is_named(error):
                raise

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
