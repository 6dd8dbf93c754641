"""What the causal check says, in sentences that can be quoted."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import model_in_words
from unsinter.studies.study.targets import definition_of

OUTCOMES = {
    "refusal": "the log-odds that the answer begins as a refusal",
    "wording": "the log-odds that a refusal begins in its own wording",
}
SAYS = {
    "yes": "the model uses it there",
    "no": "the change lies within the margin, so this direction is not used there",
    "open": "whether the model uses it there stays open",
}
CAUSAL_LIMITS = (
    "What this does not show: the verdicts cover linear probes on this run's prompts and labels. Whether the "
    "model uses what they read was measured for single directions, changed {how}, by how its answers begin; "
    "no answer was generated under a change. A direction that changes nothing there may be used elsewhere, "
    "or stand beside another that does the same. An undetermined site is evidence for neither answer."
)


def limits_of(causal: pd.DataFrame, *, without: str) -> str:
    """Return what verdicts do not show; ``without`` is that of a run whose causal check was not made."""
    if causal.empty:
        return without
    row = causal.iloc[0]
    layers = "at one layer each" if row["span"] == "at" else "from one layer on"
    tokens = "at every token" if row["tokens"] == "all" else "at the site's tokens"
    return CAUSAL_LIMITS.format(how=f"{layers} and {tokens}")


def causal_answers(causal: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """Return the answer of each model: a sentence for D, one for R, and one for categories and wordings."""
    lines = []
    for model in models:
        own = causal[causal["model"] == model] if len(causal) else causal
        if own.empty:
            continue
        effects = own[own["kind"] == "effect"]
        for row in effects[effects["factor"].isin(["D", "R"]) & (effects["outcome"] == "refusal")].to_dict(
            "records"
        ):
            lines.append(_sentence(row))
        for factor in ("C", "W"):
            lines += _several(effects[effects["factor"] == factor], model)
        lines += [_rank(row) for row in own[own["kind"] == "correlation"].to_dict("records")]
    return lines


def change_text(row: dict[str, Any]) -> str:
    """Return a change with its interval."""
    return f"{row['effect']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]".replace("-", "\u2212")


def _sentence(row: dict[str, Any]) -> str:
    done = "taken out of" if row["operation"] == "remove" else "added to"
    noun = _noun(row["factor"])
    return (
        f"In {model_in_words(str(row['model']))}, {noun}'s direction {done} the stream at layer "
        f"{row['layer']} ({row['position']}) changes {OUTCOMES[row['outcome']]} by {change_text(row)} nats, "
        f"nulls by at most {row['nulls']:.2f}: {SAYS[row['used']]}."
    )


def _several(effects: pd.DataFrame, model: str) -> list[str]:
    lines = []
    for (factor, outcome), rows in effects.groupby(["factor", "outcome"], sort=False):
        counts = rows["used"].value_counts()
        counted = ", ".join(f"{word} of {counts.get(word, 0)}" for word in SAYS)
        lines.append(
            f"In {model_in_words(model)}, {OUTCOMES[str(outcome)]} is moved by directions of "
            f"{_noun(str(factor))}: {counted} classes."
        )
    return lines


def _rank(row: dict[str, Any]) -> str:
    return (
        f"In {model_in_words(str(row['model']))}, over pairs of categories, how much one's direction changes "
        "refusals of the other and how well its probe reads the other have rank correlation "
        f"{change_text(row)}."
    )


def _noun(factor: str) -> str:
    known = definition_of(factor).factor
    return known.noun if known is not None else factor
