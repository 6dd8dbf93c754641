"""Which questions on a study's own targets, and on their pairs, the data can answer."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.group_counts import LabelledRow, count_groups
from unsinter.studies.data.large_cells import (
    Question,
    class_question,
    commonest_values,
    fullest_table,
)
from unsinter.studies.data.own_labels import file_names, own_labels, own_notes
from unsinter.studies.data.questions import value_of
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.file import Study
from unsinter.studies.study.group_minimums import MIN_GROUPS
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.study.sections import BUILT_IN_PAIRS
from unsinter.studies.study.targets import BUILT_IN, definition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQuestions:
    """What a study file asks of its records beside the built-in questions.

    Attributes
    ----------
    min_groups : groups that make a class or a cell large enough.
    targets, pairs : of the study's own.
    files : what an error calls the files of the prompts.
    """

    min_groups: int = MIN_GROUPS
    targets: tuple[OwnTarget, ...] = ()
    pairs: tuple[str, ...] = ()
    files: str = ""

    @classmethod
    def of(cls, study: Study) -> "OwnQuestions":
        """Return what a study file asks."""
        return cls(
            min_groups=study.min_groups,
            targets=study.own_targets,
            pairs=tuple(pair for pair in study.separation.pairs if pair not in BUILT_IN_PAIRS),
            files=file_names(study.prompts),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The targets by name."""
        return tuple(target.name for target in self.targets)

    def labels(self, prompts: Sequence[PromptRecord]) -> list[dict[str, str]]:
        """Return the class of each prompt by target, those that are not defined left out.

        Raises
        ------
        StudyError : as `own_labels`.
        """
        columns = {target.name: own_labels(target, prompts, files=self.files) for target in self.targets}
        return [
            {name: str(column[row]) for name, column in columns.items() if column[row]}
            for row in range(len(prompts))
        ]

    def of_prompts(self, rows: Sequence[LabelledRow]) -> list[Question]:
        """Return the questions on prompts alone."""
        needed = self.min_groups
        return own_questions(rows, self.targets, needed=needed) + own_pair_questions(
            rows, self.pairs, needed=needed
        )

    def of_answers(self, rows: Sequence[LabelledRow], model: str) -> list[Question]:
        """Return the questions on one model's answers."""
        return own_pair_questions(rows, self.pairs, needed=self.min_groups, model=model)

    def notes(self, prompts: Sequence[PromptRecord]) -> list[str]:
        """Return what was read otherwise than it stands in the fields of the targets."""
        return [note for target in self.targets for note in own_notes(target, prompts)]


def own_questions(
    rows: Sequence[LabelledRow], targets: Iterable[OwnTarget], *, needed: int
) -> list[Question]:
    """Return whether each target has two classes of ``needed`` groups among the prompts ``rows``."""
    return [
        class_question(
            target.name,
            definition_of(target).question,
            count_groups(rows, value_of(target.name)),
            needed,
        )
        for target in targets
    ]


def own_pair_questions(
    rows: Sequence[LabelledRow], pairs: Iterable[str], *, needed: int, model: str | None = None
) -> list[Question]:
    """Return whether each pair with a target of the study's own has a table of four large cells.

    ``rows`` are prompts, and pairs of answers are left out, where ``model`` is None; else its responses, and
    the other pairs are left out.
    """
    return [
        _pair(pair, rows, needed=needed, model=model)
        for pair in pairs
        if any(name in BUILT_IN and BUILT_IN[name].needs_answers for name in pair.split("-"))
        is (model is not None)
    ]


def _pair(pair: str, rows: Sequence[LabelledRow], *, needed: int, model: str | None) -> Question:
    first, _, second = pair.partition("-")
    one, other = value_of(first), value_of(second)

    def both(row: LabelledRow) -> Hashable | None:
        return None if one(row) is None or other(row) is None else (one(row), other(row))

    known = [row for row in rows if both(row) is not None]
    firsts, seconds = (commonest_values(count_groups(known, value)) for value in (one, other))
    table = fullest_table(count_groups(known, both), firsts, seconds, needed)
    if table is None:
        counts = {"values": len(firsts), "others": len(seconds)}
        table = False, Reason("few-values-of-pair", first=first, second=second, **counts)
    is_full, reason = table
    return Question(
        name=f"({first}, {second})",
        asks=f"is {first} told apart from {second}?",
        model=model,
        answerable=is_full,
        reason=reason,
    )
