"""Which prompts a run read, with their labels, and where each model's activations of them are."""

from collections.abc import Sequence

import pandas as pd

from unsinter.studies.data.dataset import Dataset
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.tables.prompt_columns import PROMPTS, ROWS


def prompt_table(dataset: Dataset) -> pd.DataFrame:
    """Return one row per prompt, in the order of the study."""
    table = pd.DataFrame(
        {
            "id": dataset.ids,
            "prompt": [record.prompt for record in dataset.prompts],
            "source": dataset.sources,
            "topic": dataset.topics,
            "group": dataset.groups,
            "harmful": pd.array([record.harmful for record in dataset.prompts], dtype="boolean"),
            "category": dataset.categories,
            "held_out": dataset.is_test,
        }
    )
    return table[list(PROMPTS)]


def row_table(outcomes: Sequence[ModelOutcome], dataset: Dataset) -> pd.DataFrame:
    """Return one row per model and prompt: its row in the cache, and what its answer is labelled."""
    parts = []
    for outcome in outcomes:
        reading = outcome.reading
        rows = dict(zip(reading.extraction.ids, reading.extraction.keys, strict=True))
        answers = reading.responses
        parts.append(
            pd.DataFrame(
                {
                    "model": outcome.name,
                    "id": dataset.ids,
                    "row": [rows.get(name, "") for name in dataset.ids],
                    "refusal": [(answer.refusal if answer else None) or "" for answer in answers],
                    "wording": [(answer.wording if answer else None) or "" for answer in answers],
                    "label_source": [answer.label_source if answer else "" for answer in answers],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(ROWS)]
