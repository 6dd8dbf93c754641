"""One prompt as it is shown: its tokens, and the scores of every target at every layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.features.rendering.token_texts import visible
from unsinter.probes.families.registry import unit_of
from unsinter.studies.study.file import StudyError
from unsinter.studies.token_maps.choice import cell_words
from unsinter.studies.token_maps.colour_limits import numbers_of, strongest

OUT_OF_TRAINING = (
    "A probe is fitted on one place of every prompt, its position. At all other tokens it reads what is "
    "outside of its training distribution: there a colour says where the probe's direction shows, not that "
    "the model takes that token for harmful or refused, and neither threshold nor AUROC hold."
)

_REFUSALS = {
    "refusal": "a refusal",
    "partial_refusal": "a partial refusal",
    "compliance": "an answer, no refusal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """One token: its number, the signs it adds, and whether they are the user's (``part`` is ``prompt``)."""

    number: int
    text: str
    part: str

    @property
    def label(self) -> str:
        """What stands for the token where it stands alone."""
        if not self.text:
            return "(more of it)"
        return self.text if self.text.strip() else self.text.replace(" ", "\u2423")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """What a target's probes say of every token.

    Attributes
    ----------
    layer : of the chosen site, and position : where all these probes were fitted.
    margins : (n_layers, n_tokens) score minus threshold; NaN where there is no score.
    fitted_here : (n_tokens,) the tokens that the probes were fitted on.
    limit : margin from which a colour is the strongest.
    score : the chosen probe's margin of the prompt itself; NaN where the prompt is not held out.
    """

    target: str
    layer: int
    position: str
    unit: str
    negative: str
    positive: str
    truth: str
    layers: Sequence[int]
    margins: NDArray[np.float64]
    fitted_here: NDArray[np.bool_]
    limit: float
    score: float

    @property
    def chosen(self) -> NDArray[np.float64]:
        """Margins of the tokens at the chosen layer (n_tokens,)."""
        own: NDArray[np.float64] = self.margins[list(self.layers).index(self.layer)]
        return own

    @property
    def call(self) -> str:
        """What the chosen probe says of the whole prompt, in words."""
        where = f"layer {self.layer} at {self.position}"
        if np.isnan(self.score):
            return f"{where}; the prompt is not held out, so the probe may have been fitted on it"
        called = self.positive if self.score > 0 else self.negative
        truth = "which is right" if called == self.truth else f"but it is {self.truth}"
        truth = truth if self.truth else "and it has no label"
        return f"{where}: {margin_text(self.score)} {self.unit} from the threshold, called {called}, {truth}"

    def levels(self, margins: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return colours, -4 to 4 and 0 at the threshold alone, of margins of any shape; NaN has 0."""
        steps = np.ceil(4 * np.minimum(np.abs(np.nan_to_num(margins)) / self.limit, 1.0))
        levels: NDArray[np.int64] = (np.sign(np.nan_to_num(margins)) * steps).astype(int)
        return levels


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReading:
    """One prompt of one model; of its answer there is the label and the length, never the text."""

    model: str
    id: str
    why: str
    cell: str
    answer: str
    tokens: Sequence[TokenText]
    n_tokens: int
    targets: Sequence[TargetReading]

    @property
    def beginning(self) -> str:
        """The first signs of the user's text."""
        text = "".join(token.text for token in self.tokens if token.part == "prompt").strip()
        return text if len(text) <= _BEGINNING else f"{text[:_BEGINNING].rstrip()}\u2026"

    @property
    def n_cells(self) -> int:
        """How many scores its maps hold."""
        return sum(target.margins.size for target in self.targets)

    def gap_before(self, token: TokenText) -> int:
        """How many tokens are left out right before this one."""
        place = self.tokens.index(token)
        return token.number - (self.tokens[place - 1].number + 1 if place else 0)


_BEGINNING = 90


def margin_text(margin: float) -> str:
    """Return a margin with its sign, or that there is none."""
    return "no score" if np.isnan(margin) else f"{margin:+.2f}".replace("-", "\u2212")


def make_readings(
    shown: pd.DataFrame, scores: pd.DataFrame, limits: Mapping[tuple[str, str], float]
) -> list[PromptReading]:
    """Return what is shown of every prompt, in the order of ``shown``.

    Parameters
    ----------
    shown, scores : the run's ``shown_prompts`` and ``token_scores``, or the same of one prompt.
    limits : (model, target) -> margin of the strongest colour (see `colour_limits`).

    Raises
    ------
    StudyError : the tables do not go together.
    """
    _refuse_gaps(shown, scores)
    by_target = {key: part for key, part in scores.groupby(["model", "id", "target"], sort=False)}
    readings = []
    for (model, name), rows in shown.groupby(["model", "id"], sort=False):
        about = rows.to_dict("records")
        parts = [by_target.get((model, name, row["target"]), scores[:0]) for row in about]
        if any(int(row["layer"]) not in set(part["layer"]) for row, part in zip(about, parts, strict=True)):
            raise StudyError(
                f"{_APART} (prompt {str(name)[:80]!r} of {model} lacks scores at the chosen layer); {_AGAIN}."
            )
        tokens = parts[0].drop_duplicates("token").sort_values("token")
        numbers = tokens["token"].astype(int).tolist()
        readings.append(
            PromptReading(
                model=str(model),
                id=str(name),
                why=_text(about[0]["why"]),
                cell=cell_words(_text(about[0]["cell"])),
                answer=answer_words(about[0]),
                tokens=[
                    TokenText(number=number, text=visible(_text(text)), part=_text(part))
                    for number, text, part in zip(numbers, tokens["text"], tokens["part"], strict=True)
                ],
                n_tokens=max(numbers) + 1,
                targets=[
                    _target(row, part, numbers, limits.get((str(model), str(row["target"]))))
                    for row, part in zip(about, parts, strict=True)
                ],
            )
        )
    return readings


_APART = "shown_prompts and token_scores do not go together"
_AGAIN = "run the study again"


def _refuse_gaps(shown: pd.DataFrame, scores: pd.DataFrame) -> None:
    """Raise StudyError where a table lacks what says of which prompt, target, layer and token a row is."""
    if scores.empty:
        raise StudyError(f"{_APART} (there are no scores); {_AGAIN}.")
    for table, numbers in ((shown, ("layer",)), (scores, ("layer", "token"))):
        of_text = table[["model", "id", "target"]].isna().any(axis=None)
        if of_text or not np.isfinite(table[list(numbers)].to_numpy(float, na_value=np.nan)).all():
            raise StudyError(f"{_APART} (a row does not say of what it is); {_AGAIN}.")


def _target(
    row: Mapping[str, Any], scores: pd.DataFrame, tokens: Sequence[int], limit: float | None
) -> TargetReading:
    once = scores.drop_duplicates(["layer", "token"])
    margins = once.assign(margin=numbers_of(once["score"]) - numbers_of(once["threshold"]))
    by_layer = margins.pivot(index="layer", columns="token", values="margin").reindex(columns=tokens)
    fitted = once.drop_duplicates("token").set_index("token")["fitted_here"].reindex(tokens)
    has_score = pd.notna(row["score"]) and pd.notna(row["threshold"])
    held_out = float(row["score"]) - float(row["threshold"]) if has_score else float("nan")
    values = by_layer.to_numpy(float)
    return TargetReading(
        target=str(row["target"]),
        layer=int(row["layer"]),
        position=_text(row["position"]),
        unit=unit_of(_text(row["family"])),
        negative=_text(row["negative"]),
        positive=_text(row["positive"]),
        truth=_text(row["truth"]),
        layers=[int(layer) for layer in by_layer.index],
        margins=values,
        fitted_here=np.array([value is True or value is np.True_ for value in fitted], dtype=bool),
        limit=limit or strongest(values) or 1.0,
        score=held_out,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def answer_words(row: Mapping[str, Any]) -> str:
    """Return what is said of a model's answer: its label and how long its known opening is."""
    label = _REFUSALS.get(str(row.get("refusal") or ""), "")
    length = row.get("opening_characters")
    n = int(length) if length is not None and pd.notna(length) and np.isfinite(length) else None
    if not label:
        return "none" if n is None else f"without a label, {n:,} characters, not shown"
    wording = f" ({row['wording']})" if row.get("wording") else ""
    return f"{label}{wording}" + (", not shown" if n is None else f", {n:,} characters, not shown")
