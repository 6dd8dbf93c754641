"""The sections of a study file: each a frozen pydantic model that refuses unknown keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from unsinter.probes.families.registry import tuned_names
from unsinter.studies.study.built_in_targets import BUILT_IN_PAIRS
from unsinter.studies.study.families import SweepFamily, TunedFamily, options_of, range_of
from unsinter.studies.study.group_minimums import MIN_CELL_GROUPS, inherited_cell_groups
from unsinter.studies.study.label_rates import read_label_rates
from unsinter.studies.study.model_source import Example, ModelSource
from unsinter.studies.study.prompt_sections import NearCopies, PromptFile, PromptSource
from unsinter.studies.study.response_source import ResponseSource
from unsinter.studies.study.saved_activations import SavedActivations
from unsinter.studies.study.section import FILE_NAME, StudySection
from unsinter.studies.study.verdict_defaults import (
    EFFECT_FLOOR,
    LEAST_BITS,
    LEVEL,
    MARGIN,
    N_DRAWS,
    N_FOLDS,
    N_SPLITS,
)

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1)]
MOST_DRAWS = 1_000_000
"""More draws, permutations or trials than anybody waits for are a slip of the pen."""

Penalty = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Sure = Annotated[float, Field(gt=0.5, le=1.0)]
PairName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*-[A-Za-z][A-Za-z0-9_]*$")]


def _with_rates(value: object) -> object:
    """Return label rates with those of a file that they name put in; what stands beside it counts."""
    if isinstance(value, str | Path):
        value = {"file": value}
    if not isinstance(value, dict) or "file" not in value:
        return value
    if not isinstance(value["file"], str | Path):
        raise ValueError(f"file must be a path; got {str(value['file'])[:80]!r}")
    return read_label_rates(Path(value["file"])) | {k: v for k, v in value.items() if k != "file"}


_WHOLE_NUMBER = TypeAdapter(int)


class Controls(StudySection):
    """What stands beside every score; all on unless the study says otherwise."""

    control_task: bool = True
    """Random labels per group (Hewitt & Liang 2019): a score far below the probe's is selectivity."""

    shuffled: bool = True
    """The target's labels shuffled over groups."""

    code_length: bool = True
    """Online description length (Voita & Titov 2020), bits."""

    layer0_mean: bool = True
    """A probe on the mean token embedding: what the words are, before any block has read them together."""

    random_model: bool = True
    """A probe on the same architecture with freshly drawn weights."""

    permutations: int = Field(default=1000, ge=0, le=MOST_DRAWS)
    """Permutations of whole held-out groups behind each p-value; 0 gives none."""


class Separation(StudySection):
    """Which pairs get a verdict, and its thresholds; the defaults are those with published error rates."""

    pairs: tuple[PairName, ...] = BUILT_IN_PAIRS
    """Pairs whose labels the study has; of the built-in ones the others are left out. Empty: no verdicts."""

    effect_floor: float = Field(default=EFFECT_FLOOR, ge=0.0, lt=0.5)
    """AUROC above chance that a whole band must clear before a factor counts as read."""

    margin: float | None = Field(default=None, gt=0.0, lt=0.5)
    """AUROC above chance that a whole band must stay below before a factor counts as not there; without one
    .13 at a site, and .15 over categories."""

    least_bits: float = Field(default=LEAST_BITS, ge=0.0)
    """Usable bits per row beyond the text that a whole band must exceed before a factor counts as read."""

    min_groups: int | None = Field(default=None, ge=MIN_CELL_GROUPS)
    """Independent groups needed in each of the four cells. Where it is not written, the study's own
    ``min_groups`` where that is; else, and for null, 10 at a site and 30 over categories."""

    level: float = Field(default=LEVEL, gt=0.5, lt=1.0)
    """Confidence of each limit of a band, for all sites at once."""

    folds: int = Field(default=N_FOLDS, ge=2)
    splits: int = Field(default=N_SPLITS, ge=1)
    """Partitions into folds that a verdict is averaged over."""

    draws: int = Field(default=N_DRAWS, ge=100)
    imputations: int = Field(default=10, ge=2)
    """Has no effect any more: known label errors now mend the estimate, no labels are drawn."""

    sure: Annotated[dict[str, tuple[Sure, Sure]], BeforeValidator(_with_rates)] = Field(default_factory=dict)
    """Target -> probability that an observed negative, and positive, label is right, from people's labels; or
    a file of `unsinter label --rates`, also as ``{file: rates.json, D: [1, 1]}``."""

    erased_contrasts: int = Field(default=8, ge=0)
    """Contrasts per pair, those with most groups where the factors disagree, that erasure is tried on."""

    @model_validator(mode="after")
    def _floor_below_margin(self) -> Self:
        margin = MARGIN if self.margin is None else self.margin
        if not self.effect_floor < margin:
            raise ValueError(
                f"effect_floor must be below margin, got {self.effect_floor:g} and {margin:g}: what "
                "lies between them would be read and not read at once"
            )
        return self

    def sure_of(self, factor: str) -> tuple[float, float] | None:
        """Return how sure the labels of a factor are; None where they are taken as they are."""
        return next((sure for name, sure in self.sure.items() if name == factor), None)


def inherit_min_groups(table: Any) -> Any:
    """Return a study's table with its ``min_groups`` in ``separation`` too, where only the former is written.

    It is written, not looked up, so that the resolved study of a run says what the run did.
    """
    if not isinstance(table, Mapping) or "min_groups" not in table:
        return table
    try:
        named = _WHOLE_NUMBER.validate_python(table["min_groups"])  # as the field itself reads it
    except ValidationError:
        return table
    section = table.get("separation", {})
    if isinstance(section, Separation):
        section = section.model_dump(exclude_unset=True)
    if not isinstance(section, Mapping) or "min_groups" in section:
        return table
    return {**table, "separation": {**section, "min_groups": inherited_cell_groups(named)}}


class Tuning(StudySection):
    """What tuning may try beside the sweep; ranges are (low, high), lists are tried as they are."""

    may_repeat: ClassVar[frozenset[str]] = frozenset({"dropouts", "weight_decays", "learning_rates"})

    trials: int = Field(default=0, ge=0, le=MOST_DRAWS)
    """How many trials are finished, pruned ones among them; 0 tunes nothing. More may be asked for later."""

    families: tuple[TunedFamily, ...] = Field(default_factory=tuned_names, min_length=1)
    widths: tuple[Count, ...] = Field(default=options_of("widths"), min_length=1)
    """Hidden units per layer of an MLP."""

    depths: tuple[Count, ...] = Field(default=options_of("depths"), min_length=1)
    """Hidden layers of an MLP."""

    dropouts: tuple[Share, Share] = range_of("dropouts")
    weight_decays: tuple[Penalty, Penalty] = range_of("weight_decays")
    learning_rates: tuple[Penalty, Penalty] = range_of("learning_rates")
    reductions: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0, 64, 256), min_length=1)
    """Principal components read instead of all units, 0 for all; what rows or units forbid is left out."""

    batch: int = Field(default=4, ge=1)
    """Trials chosen together, from the finished batches before them; the trials depend on it."""

    pruning: bool = True
    """Stop a trial whose folds so far score below the median of the earlier trials' at the same fold."""

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("dropouts", "weight_decays", "learning_rates"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is a range from low to high, got {low:g} to {high:g}")
        return self


class ShownPrompts(StudySection):
    """Prompts that are read token by token, for people to look at; they change no other number."""

    prompts: int = Field(default=20, ge=0, le=500)
    """At most so many of each model, chosen by their held-out scores; 0: none."""


class ReportText(StudySection):
    """Words of the report; they change no number."""

    question: str | None = None
    """The study's question, shown first; unset: the question of the targets."""


__all__ = [
    "FILE_NAME",
    "Controls",
    "Count",
    "Example",
    "ModelSource",
    "NearCopies",
    "Penalty",
    "PromptFile",
    "PromptSource",
    "ReportText",
    "ResponseSource",
    "SavedActivations",
    "StudySection",
    "PairName",
    "Separation",
    "Share",
    "ShownPrompts",
    "Sure",
    "SweepFamily",
    "TunedFamily",
    "Tuning",
]
