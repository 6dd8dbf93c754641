"""One call per kind of file that we write, each under a limit on the size of files."""

import json
import os
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from optuna import create_study
from size_limit import file_size_limited

from unsinter.cache import ActivationStore
from unsinter.features.generate.response_file import ResponseFile
from unsinter.features.labelling.answers import AnswerFolder
from unsinter.features.labelling.apply import label_file
from unsinter.features.labelling.language import identify
from unsinter.probes.files.whole_files import write_together
from unsinter.studies.figures.layers import save_figure
from unsinter.studies.probing.tuning.storage import open_storage
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.step_store import StepStore

LIMIT = 4096
TABLE = pd.DataFrame({"value": np.random.default_rng(0).normal(size=5000)})
LONG = "no harm in these words " * 1000


def responses(folder: Path) -> Path:
    path = folder / "answers.jsonl"
    file = ResponseFile(path=path, records={})
    file.append([{"id": "short"}])
    with limit():
        file.append([{"id": "long", "text": LONG}])
    return path


def judge_answer(folder: Path) -> Path:
    answers = AnswerFolder(folder)
    with limit():
        answers.put({"question": "one"}, LONG)
    return folder


def labels(folder: Path) -> Path:
    rows = [{"id": str(n), "response_opening": "Sure, here it is.", "note": LONG} for n in range(3)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    identify("Sure, here it is.")  # its model passes through a larger temporary file
    with limit():
        label_file(folder / "in.jsonl", folder / "labelled.jsonl")
    return folder / "labelled.jsonl"


def journal(folder: Path) -> Path:
    with open_storage(None, folder) as storage, limit():
        study = create_study(storage=storage, study_name="one")
        for number in range(50):
            study.set_user_attr(str(number), LONG[:500])
    return folder / "trials.journal"


def table(folder: Path) -> Path:
    with limit():
        RunFolder(path=folder, study_text="").write_table("results", TABLE)
    return folder / "results.parquet"


def log(folder: Path) -> Path:
    run = RunFolder(path=folder, study_text="")
    with limit():
        for _ in range(10):
            run.log("step", step=LONG[:1000])
    return folder / "log.jsonl"


def step(folder: Path) -> Path:
    with limit():
        StepStore(folder=folder / "steps").keep("tiny-D", "0" * 64, tables={"results": TABLE}, facts={})
    return folder / "steps" / f"tiny-D-{'0' * 16}"


def figure(folder: Path) -> Path:
    drawn, axes = plt.subplots()
    axes.plot(TABLE["value"])
    with limit():
        save_figure(drawn, folder, "layers")
    return folder / "layers.svg"


def probe(folder: Path) -> Path:
    with limit():
        write_together({folder / "probe.safetensors": LONG.encode()})
    return folder / "probe.safetensors"


def shard(folder: Path) -> Path:
    store = ActivationStore.open(folder, {"weights": "one"})
    with limit():
        store.fill(
            [f"{number:064x}" for number in range(64)],
            layers=[0],
            positions=["template_end"],
            produce=lambda rows, layers, positions: {0: np.ones((len(rows), 1, 64), np.float32)},
            dtype="float32",
        )
    return store.path / "shards"


def limit() -> AbstractContextManager[None]:
    """Let no file grow beyond some bytes for the block; the process is thrown away afterwards."""
    return file_size_limited(LIMIT)


def in_a_fork(action: Callable[[], str]) -> str:
    """What action returns, or what it raises, from a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            message = action()
        except Exception as error:
            ours = type(error).__module__.startswith("unsinter.") and isinstance(error, ValueError)
            message = f"{type(error).__name__}: {error}" if ours else traceback.format_exc()
        os.write(writer, message.encode()[:1_000_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        message = file.read().decode()
    os.waitpid(child, 0)
    return message


WRITERS = [
    (responses, "answers.jsonl"), (judge_answer, ".json"), (labels, "labelled.jsonl"),
    (journal, "trials.journal"), (table, "results.parquet"), (log, "log.jsonl"), (step, "steps/tiny-D"),
    (figure, "layers.svg"), (probe, "probe.safetensors"), (shard, ".safetensors"),
]  # fmt: skip
