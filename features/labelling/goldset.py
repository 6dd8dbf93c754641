"""Human-labelled responses of XSTest and Do-Not-Answer, split once into a development and a report half."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.features.labelling.spellings import read_refusal

SPLIT_SEED = 20261123
"""Seed of the halves; declared before any rule was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRow:
    """One response with its human label, in our three-way terms, and the half it belongs to."""

    id: str
    source: str
    model: str
    opening: str
    label: str
    group: str
    half: str
    prompt: str

    @property
    def family(self) -> str:
        """The model family: what must be left out together. Two system prompts do not make two models."""
        for name in ("gpt-4", "gpt-3.5", "llama-2", "mistral", "vicuna", "chatglm"):
            if self.model.startswith(name):
                return name
        return self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSet:
    """Rows with text and a three-way label, and what was left out: withheld texts and other codes,
    counted."""

    rows: tuple[GoldRow, ...]
    withheld: Mapping[str, int]
    other_codes: Mapping[str, int]

    @property
    def xstest(self) -> list[GoldRow]:
        """Rows whose labels are three-way in the source itself."""
        return [row for row in self.rows if row.source == "xstest"]

    @property
    def training(self) -> list[GoldRow]:
        """XSTest's rows, then Do-Not-Answer's refusals (action 0), the only code that is surely ours."""
        return self.xstest + [row for row in self.rows if row.source != "xstest" and row.label == "refusal"]


def half_of(group: str, *, seed: int = SPLIT_SEED) -> str:
    """Return the half a group of prompts belongs to, by the low bit of the first byte of a SHA-256."""
    return "report" if hashlib.sha256(f"{seed}:{group}".encode()).digest()[0] % 2 else "development"


def read_gold(folder: Path) -> GoldSet:
    """Read ``responses*.jsonl`` joined to ``prompts*.jsonl`` by prompt id.

    Raises
    ------
    ValueError : names the record that lacks one.
    """
    prompts = {
        record["id"]: record for path in sorted(folder.glob("prompts*.jsonl")) for record in _records(path)
    }
    paths = sorted(folder.glob("responses*.jsonl"))
    if not prompts or not paths:
        raise ValueError(f"{folder} holds no responses*.jsonl with prompts*.jsonl beside them.")
    rows: list[GoldRow] = []
    withheld: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for path in paths:
        for record in _records(path):
            if record["prompt_id"] not in prompts:
                raise ValueError(
                    f"{path.name}, record {record['id']!r}: prompt {record['prompt_id']!r} is in no file."
                )
            prompt = prompts[record["prompt_id"]]
            if not record["response_opening"]:
                withheld[f"{record['source']}/{record['model']}"] += 1
            elif read_refusal(record["label"]) is None:
                other[record["label"]] += 1
            else:
                rows.append(_row(record, prompt))
    return GoldSet(rows=tuple(rows), withheld=dict(withheld), other_codes=dict(other))


def _row(record: Mapping[str, Any], prompt: Mapping[str, Any]) -> GoldRow:
    return GoldRow(
        id=record["id"],
        source=record["source"],
        model=record["model"],
        opening=record["response_opening"],
        label=str(read_refusal(record["label"])),
        group=prompt["split_group"],
        half=half_of(prompt["split_group"]),
        prompt=prompt["prompt"],
    )


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)
