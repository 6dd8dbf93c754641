"""The separation verdicts of a run in sentences that can be quoted, and what they do not show."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import (
    chosen_site,
    factors_of,
    model_in_words,
    reasons_of,
    summary_rows,
)

LEADS = {
    "separable": "{first} is represented apart from {second}",
    "shared": "{first} and {second} are one quantity to a linear probe",
    "first-only": "{first} can be read with the other held fixed, {second} cannot,",
    "second-only": "{second} can be read with the other held fixed, {first} cannot,",
    "neither": "neither {first} nor {second} can be read with the other held fixed",
    "not-apart": "nothing of {second} is read beyond {first} (it is absent, or {first} read with errors)",
}
SHORT = {
    "separable": "apart",
    "shared": "shared",
    "first-only": "only {first}",
    "second-only": "only {second}",
    "neither": "neither read",
    "not-apart": "nothing of {second} beyond {first}",
}
LIMITS = (
    "What this does not show: the verdicts cover linear probes on this run's prompts and labels. They say "
    "what can be read, not what the model uses; no causal claim is made. An undetermined site is evidence "
    "for neither answer."
)


def separation_answers(
    verdicts: pd.DataFrame, results: pd.DataFrame | None, models: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """Return each model with a sentence per pair."""
    summary = summary_rows(verdicts)
    answers = []
    for model in models:
        own = summary[summary["model"] == model]
        sentences = [pair_answer(rows, results) for _, rows in own.groupby("pair", sort=False)]
        if sentences:
            answers.append((model, sentences))
    return answers


def says_something(verdicts: pd.DataFrame) -> bool:
    """Return whether any site of any pair has a verdict."""
    return bool((summary_rows(verdicts)["verdict"] != "undetermined").any())


def pair_answer(rows: pd.DataFrame, results: pd.DataFrame | None) -> str:
    """Return what is said of one model's pair.

    It opens with the most frequent verdict; how often the two were apart and shared is always said, and so is
    why the other sites stay open.
    """
    first, second = factors_of(rows)
    counts = rows["verdict"].value_counts().to_dict()
    decided = {verdict: counts[verdict] for verdict in LEADS if counts.get(verdict)}
    model, n = model_in_words(str(rows["model"].iloc[0])), len(rows)
    if not decided:
        where = f"all {n} sites" if n > 1 else "its one site"
        return f"Nothing is said of {first} and {second} in {model}: undetermined at {where} ({_why(rows)})."
    lead = max(decided, key=lambda verdict: decided[verdict])
    answer = LEADS[lead].format(first=first, second=second)
    others = [
        f"{SHORT[verdict].format(first=first, second=second)} at {counts.get(verdict) or 'none'}"
        for verdict in LEADS
        if verdict != lead and (verdict in decided or verdict in ("separable", "shared"))
    ]
    if still_open := counts.get("undetermined", 0):
        others.append(f"undetermined at {still_open}: {_why(rows)}")
    sentence = (
        f"{answer[0].upper()}{answer[1:]} at {decided[lead]} of {n} sites of {model} ({'; '.join(others)})."
    )
    return f"{sentence} {_at_chosen_site(rows, results)}"


def across_answers(across: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """Return a sentence per model on detection over all categories, at its chosen site."""
    return [_across_answer(row) for model in models for row in across_rows(across, model)[:1]]


def across_rows(across: pd.DataFrame, model: str) -> list[dict[str, Any]]:
    """Return a model's rows of the table across categories, the selected site first."""
    own = across[across["model"] == model]
    return own.sort_values("selected", ascending=False, kind="stable").to_dict("records")


def _across_answer(row: dict[str, Any]) -> str:
    statement = str(row["headline"]).strip().rstrip(".")
    sentence = f"{statement[:1].lower()}{statement[1:]}"
    return f"In {model_in_words(str(row['model']))}, over all categories: {sentence}."


def _at_chosen_site(rows: pd.DataFrame, results: pd.DataFrame | None) -> str:
    row, how = chosen_site(rows, results)
    return f"At layer {row['layer']}, {row['position']} ({how}): {row['verdict']}."


def _why(rows: pd.DataFrame) -> str:
    reasons = reasons_of(rows)
    if len(reasons) == 1:
        return reasons[0][0]
    (reason, n), *others = reasons
    return f"{reason}, {n}; other reasons, {sum(times for _, times in others)}"
