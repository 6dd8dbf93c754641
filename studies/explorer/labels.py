"""What a run knows of each prompt beside its scores: labels and names, never a text of an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.tables.prompt_columns import OWN

_OF_PROMPTS = {"category": "category", "topic": "topic", "source": "source", "group": "group"}
_OF_ROWS = {"refusal": "answer", "wording": "wording", "label_source": "answer labelled by"}
"""Column -> what it is called; no other column of these tables is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLabel:
    """One label of every prompt.

    Attributes
    ----------
    values : the values that occur, in order of appearance.
    codes : (n_prompts,) place in ``values``; -1 where a prompt has none.
    """

    name: str
    values: Sequence[str]
    codes: Sequence[int]


def prompt_labels(
    ids: Sequence[str], prompts: pd.DataFrame | None, rows: pd.DataFrame | None
) -> Iterator[PromptLabel]:
    """Yield the labels that any of these prompts has.

    Parameters
    ----------
    prompts, rows : of the run, ``rows`` of one model; None of a run of a version that did not keep them.
    """
    if prompts is not None:
        own = {name: name.removeprefix(OWN) for name in prompts if str(name).startswith(OWN)}
        harm = prompts["harmful"].map(dict(HARM)) if "harmful" in prompts else None
        if harm is not None:
            yield from _label(ids, prompts["id"], harm, name="harm")
        for column, name in {**_OF_PROMPTS, **own}.items():
            if column in prompts:
                yield from _label(ids, prompts["id"], prompts[column], name=name)
    if rows is not None:
        for column, name in _OF_ROWS.items():
            if column in rows:
                yield from _label(ids, rows["id"], rows[column], name=name)
        if "refused_share" in rows:
            shares = rows["refused_share"].map(lambda share: "" if pd.isna(share) else f"{share:.2f}")
            yield from _label(ids, rows["id"], shares, name="share of sampled answers that refused")


def _label(ids: Sequence[str], of: pd.Series, values: pd.Series, *, name: str) -> Iterator[PromptLabel]:
    known = {
        str(prompt): str(value)
        for prompt, value in zip(of, values, strict=True)
        if not pd.isna(value) and str(value)
    }
    own = [known.get(prompt) for prompt in ids]
    there = list(dict.fromkeys(value for value in own if value is not None))
    if there:
        places = {value: place for place, value in enumerate(there)}
        yield PromptLabel(name=name, values=there, codes=[-1 if v is None else places[v] for v in own])
