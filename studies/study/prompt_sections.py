"""Where a study's prompts come from, and how they are put into groups."""

from pathlib import Path
from typing import Any

from pydantic import Field

from unsinter.features.records.columns import ReadColumn
from unsinter.studies.study.section import StudySection, Values


class NearCopies(StudySection):
    """When two prompts are so alike that they stay on one side of every split."""

    threshold: float = Field(default=0.6, gt=0.0, le=1.0)
    """Jaccard similarity of their character 5-grams from which they are."""

    word_threshold: float | None = Field(default=0.75, gt=0.0, le=1.0)
    """That of their content words; null compares no words."""

    strip_wrapper: bool = False
    """Compare without the text that stands around many prompts; the model still reads all of it."""


class PromptFile(StudySection):
    """One file of prompts that needs words of its own."""

    path: Path
    harmful: bool | None = None
    """All its prompts are harmful (true) or harmless (false); for files without such a column."""

    source: str | None = None
    """Source of all its prompts; for files without such a column."""

    columns: dict[str, ReadColumn] = Field(default_factory=dict)
    """In place of the section's own ``columns``."""

    @property
    def declared(self) -> dict[str, Any]:
        """What holds for every prompt of the file."""
        labels = {"harmful": self.harmful, "source": self.source}
        return {name: value for name, value in labels.items() if value is not None}


class PromptSource(StudySection):
    """Where the prompts come from."""

    path: tuple[Path, ...] = ()
    """Files of prompt records (JSONL, CSV, Parquet), read one after the other; empty: the planted prompts."""

    harmful: bool | None = None
    """All prompts of ``path`` are harmful (true) or harmless (false); for files without such a column."""

    columns: dict[str, ReadColumn] = Field(default_factory=dict)
    """Our field to their column, as ``{category: category_unified}``, or to a column with the meaning of its
    values, as ``{harmful: {field: label, true: [unsafe], false: [safe]}}``."""

    files: tuple[PromptFile, ...] = ()
    """Further files, each with its own columns and what holds for all its prompts."""

    where: dict[str, Values] = Field(default_factory=dict)
    """Keep only records whose field holds one of these values, as ``{source: [xstest, jbb_benign]}``."""

    near_copies: NearCopies = NearCopies()

    @property
    def parts(self) -> tuple[PromptFile, ...]:
        """Every file with what the study says of it; empty: the planted prompts."""
        own = (PromptFile(path=path, harmful=self.harmful, columns=self.columns) for path in self.path)
        return (*own, *self.files)
