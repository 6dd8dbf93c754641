"""Which prompts a run read, with their labels, and where each model's activations of them are."""

import json
from collections.abc import Sequence

import pandas as pd

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.estimate import NAN
from unsinter.studies.data.own_labels import own_labels
from unsinter.studies.data.targets import Response
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.tables.prompt_columns import OWN, ROWS, with_own_targets


def prompt_table(dataset: Dataset, own_targets: Sequence[OwnTarget] = ()) -> pd.DataFrame:
    """Return one row per prompt, in the order of the study, with the classes of the study's own targets."""
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
            "conversation": [conversation_json(record) for record in dataset.prompts],
        }
    )
    for target in own_targets:
        table[f"{OWN}{target.name}"] = own_labels(target, dataset.prompts)
    return table[list(with_own_targets(target.name for target in own_targets))]


def conversation_json(record: PromptRecord) -> str:
    """Return what a record brings beside its prompt, as JSON under our names; empty where it is nothing."""
    if not record.conversation:
        return ""
    own = {"system": record.system, "earlier_turns": record.earlier_turns, "prefill": record.prefill}
    return json.dumps({name: value for name, value in own.items() if value}, ensure_ascii=False)


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
                    "refused_share": [_share(answer) for answer in answers],
                    "wording": [(answer.wording if answer else None) or "" for answer in answers],
                    "label_source": [answer.label_source if answer else "" for answer in answers],
                    "opening_characters": pd.array([opening_characters(a) for a in answers], dtype="Int64"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(ROWS)]


def opening_characters(answer: Response | None) -> int | None:
    """Return how long the known part of an answer is; None where nothing of it is known."""
    return None if answer is None or answer.opening is None else len(answer.opening)


def _share(answer: Response | None) -> float:
    """Return the share of samples that refused; NaN where there is one answer or none."""
    if answer is None or not answer.n_samples or answer.n_refused is None:
        return NAN
    return answer.n_refused / answer.n_samples
