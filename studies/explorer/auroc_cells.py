"""A score beside its floor as a cell of a sheet: what transfer, left-out parts and carried probes share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unsinter.studies.explorer.sheets import Block, SheetCell, Site, Texts
from unsinter.studies.report.evidence.numbers import NOTHING, is_number

COUNTS = {
    "n_train": "rows trained on",
    "n_train_positive": "trained on, positive",
    "n_train_negative": "trained on, other",
    "n_test": "rows tested on",
    "n_test_positive": "tested on, positive",
    "n_test_negative": "tested on, other",
}
"""Column -> what it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellScore:
    """A score and its floor; without a floor neither is shown.

    Attributes
    ----------
    heading, about : of what, as a title and in the midst of a sentence.
    line : where: target and site.
    metric : what the score is called.
    chance : the score of a guess.
    floor_name : what the floor knows.
    is_above : the interval lies above the floor.
    terms : the evidence.
    """

    heading: str
    about: str
    line: str
    metric: str = "AUROC"
    chance: float = 0.5
    score: Any
    floor: Any
    floor_name: str = "words"
    is_above: bool
    terms: Sequence[tuple[str, str]]

    def cell(self, row: int, column: int, *, site: Site, texts: Texts, beside: Sequence[Block]) -> SheetCell:
        """Return it as a cell; ``beside`` are the scores of its site with floor and control."""
        is_shown = is_number(self.score) and is_number(self.floor)
        score, floor = (_short(value) if is_shown else NOTHING for value in (self.score, self.floor))
        above = f", above the {self.floor_name}" if self.is_above and is_shown else ""
        terms = self.terms if is_shown else [(self.metric, "not shown: the run has no floor for it")]
        evidence = [texts.words("h3", self.heading), texts.words("p", self.line), texts.terms(terms)]
        return SheetCell(
            row=row,
            column=column,
            look="above" if above else "",
            sign=score,
            small=floor,
            name=f"{self.about}: {self.metric} {score}, {self.floor_name} {floor}{above}",
            share=min(max((self.score - self.chance) / (1 - self.chance), 0.0), 1.0) if is_shown else None,
            site=site,
            blocks=[*evidence, *beside],
        )


def counts_of(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield how many rows a score rests on, those that its table counts."""
    for column, name in COUNTS.items():
        if is_number(row.get(column)):
            yield name, f"{row[column]:,.0f}"


def is_gain(row: Mapping[Any, Any]) -> bool:
    """Return whether the interval of the paired gain lies above zero."""
    return bool(is_number(row["gain_low"]) and row["gain_low"] > 0)


def _short(value: float) -> str:
    """Return two digits, as .95."""
    text = f"{value:.2f}"
    return text.replace("-", "\u2212").replace("0.", ".", 1) if abs(value) < 1 and text != "1.00" else text
