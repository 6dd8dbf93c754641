"""Which probes of a run colour a prompt: of every target of two classes, or those that were named."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from unsinter.features.rendering.position_names import reads_answer
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.targets import in_order
from unsinter.studies.tables.read import RunReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """Which prompt, and by which probes: all targets of two classes and their chosen sites unless named."""

    id: str
    model: str | None = None
    target: str | None = None
    layer: int | None = None
    position: str | None = None


def chosen_sites(reader: RunReader, results: pd.DataFrame, choice: PromptChoice) -> list[dict[str, Any]]:
    """Return the rows of results of the probes that colour the text, one per target."""
    sweep = results[~results["tuned"].astype(bool)]
    classes = sweep.drop_duplicates("target").set_index("target")["classes"].astype(int).to_dict()
    names = in_order(name for name, n in classes.items() if n == 2)
    if choice.target is not None and choice.target not in names:
        what = (
            f"target {choice.target!r} has {classes[choice.target]} classes; show reads targets of two"
            if choice.target in classes
            else f"{reader.folder} has no probe for target {choice.target!r}"
        )
        raise StudyError(f"{what}; there are {', '.join(names) or 'none'}.")
    names = names if choice.target is None else [choice.target]
    if not names:
        raise StudyError(f"{reader.folder} has no target of two classes, whose score a colour could show.")
    sites = [_site(sweep[sweep["target"] == name], choice, is_alone=len(names) == 1) for name in names]
    if kept := [site for site in sites if site is not None]:
        return kept
    raise StudyError(_OF_ANSWERS.format(sweep["position"].iloc[0]))


_OF_ANSWERS = (
    "the chosen probes read {!r}, a token of the answer; show reads prompts only, and no answer is printed. "
    "Name a position of the prompt with --position."
)


def _site(rows: pd.DataFrame, choice: PromptChoice, *, is_alone: bool) -> dict[str, Any] | None:
    """Return a target's row at the chosen or named site; None for one of several that reads the answer."""
    best = rows[rows["selected"].astype(bool)].iloc[0]
    target, position = str(best["target"]), choice.position or str(best["position"])
    if reads_answer(position):
        if is_alone or choice.position is not None:
            raise StudyError(_OF_ANSWERS.format(position))
        return None
    there = rows[rows["position"] == position]
    if there.empty:
        known = [name for name in dict.fromkeys(rows["position"]) if not reads_answer(name)]
        raise StudyError(f"{target} was not read at {position!r}; it was at {', '.join(known) or 'none'}.")
    layer = choice.layer
    if layer is None:
        layer = int(best["layer"] if position == best["position"] else _best_layer(there))
    if (own := there[there["layer"] == layer]).empty:
        layers = ", ".join(map(str, sorted(there["layer"].astype(int))))
        raise StudyError(f"{target} was not read at layer {layer} of {position}; it was at {layers}.")
    return {str(name): value for name, value in own.iloc[0].to_dict().items()}


def _best_layer(rows: pd.DataFrame) -> int:
    """Return the layer that the training rows prefer at one position."""
    return int(rows.loc[rows["inner_score"].idxmax(), "layer"])
