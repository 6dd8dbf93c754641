"""Which questions the data can answer on targets, and pairs, that are counted like any other.

Such are a study's own, and built-in ones of which ``questions`` says nothing more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.group_counts import LabelledRow, count_groups
from unsinter.studies.data.large_cells import (
    CellQuestion,
    class_question,
    commonest_values,
    fullest_table,
)
from unsinter.studies.data.own_labels import file_names, own_labels, own_notes
from unsinter.studies.data.questions import ASKED_PAIRS, ASKED_TARGETS, value_of, values_of
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.built_in_targets import BUILT_IN, BUILT_IN_PAIRS
from unsinter.studies.study.file import Study
from unsinter.studies.study.group_minimums import MIN_GROUPS
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.study.targets import definition_of

PLAIN_TARGETS = tuple(name for name in BUILT_IN if name not in ASKED_TARGETS)
PLAIN_PAIRS = tuple(pair for pair in BUILT_IN_PAIRS if pair not in ASKED_PAIRS)
"""Of the built-in targets and pairs those that are counted like a study's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQuestions:
    """What is asked of records beside the questions that have more to say.

    Attributes
    ----------
    min_groups : groups that make a class or a cell large enough.
    targets : of the study's own.
    pairs : with them, and plain ones.
    files : what an error calls the files of the prompts.
    """

    min_groups: int = MIN_GROUPS
    targets: tuple[OwnTarget, ...] = ()
    pairs: tuple[str, ...] = PLAIN_PAIRS
    files: str = ""

    @classmethod
    def of(cls, study: Study) -> "OwnQuestions":
        """Return what a study file asks."""
        return cls(
            min_groups=study.min_groups,
            targets=study.own_targets,
            pairs=tuple(pair for pair in study.separation.pairs if pair not in ASKED_PAIRS),
            files=file_names(study.prompts),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The targets whose labels are of prompts alone, by name."""
        plain = (name for name in PLAIN_TARGETS if not BUILT_IN[name].needs_answers)
        return (*plain, *(target.name for target in self.targets))

    def labels(self, prompts: Sequence[PromptRecord]) -> list[dict[str, str]]:
        """Return the class of each prompt by target of the study's own, those not defined left out.

        Raises
        ------
        StudyError : as `own_labels`.
        """
        columns = {target.name: own_labels(target, prompts, files=self.files) for target in self.targets}
        return [
            {name: str(column[row]) for name, column in columns.items() if column[row]}
            for row in range(len(prompts))
        ]

    def of_prompts(self, rows: Sequence[LabelledRow]) -> list[CellQuestion]:
        """Return the questions on prompts alone."""
        return self._classes(rows, self.names) + own_pair_questions(rows, self.pairs, needed=self.min_groups)

    def of_answers(self, rows: Sequence[LabelledRow], model: str) -> list[CellQuestion]:
        """Return the questions on one model's answers."""
        names = [name for name in PLAIN_TARGETS if BUILT_IN[name].needs_answers]
        pairs = own_pair_questions(rows, self.pairs, needed=self.min_groups, model=model)
        return self._classes(rows, names, model=model) + pairs

    def _classes(
        self, rows: Sequence[LabelledRow], names: Iterable[str], *, model: str | None = None
    ) -> list[CellQuestion]:
        """Return whether each target has two classes that are large enough."""
        own = {target.name: definition_of(target) for target in self.targets}
        known = {**own, **BUILT_IN}
        return [
            class_question(
                name, known[name].question, count_groups(rows, value_of(name)), self.min_groups, model=model
            )
            for name in names
        ]

    def notes(self, prompts: Sequence[PromptRecord]) -> list[str]:
        """Return what was read otherwise than it stands in the fields of the targets."""
        return [note for target in self.targets for note in own_notes(target, prompts)]


def own_pair_questions(
    rows: Sequence[LabelledRow], pairs: Iterable[str], *, needed: int, model: str | None = None
) -> list[CellQuestion]:
    """Return whether each pair has a table of four large cells.

    ``rows`` are prompts, and pairs of answers are left out, where ``model`` is None; else its responses, and
    the other pairs are left out.
    """
    return [
        _pair(pair, rows, needed=needed, model=model)
        for pair in pairs
        if any(name in BUILT_IN and BUILT_IN[name].needs_answers for name in pair.split("-"))
        is (model is not None)
    ]


def _pair(pair: str, rows: Sequence[LabelledRow], *, needed: int, model: str | None) -> CellQuestion:
    first, _, second = pair.partition("-")
    both = values_of(first, second)
    known = [row for row in rows if both(row) is not None]
    firsts, seconds = (commonest_values(count_groups(known, value_of(name))) for name in (first, second))
    table = fullest_table(count_groups(known, both), firsts, seconds, needed)
    if table is None:
        counts = {"values": len(firsts), "others": len(seconds)}
        table = False, Reason("few-values-of-pair", first=first, second=second, **counts)
    is_full, reason = table
    return CellQuestion(
        name=f"({first}, {second})",
        asks=f"is {first} told apart from {second}?",
        model=model,
        answerable=is_full,
        reason=reason,
    )
