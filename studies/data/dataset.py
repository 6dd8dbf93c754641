"""The prompts of a study, grouped and split once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.duplicates import group_prompts
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.load import read_recorded_responses
from unsinter.studies.data.notes import prompt_notes
from unsinter.studies.data.own_labels import file_names, own_labels, own_notes
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.splits import Split, SplitError, outer_split
from unsinter.studies.data.targets import Names, Response, Target, make_target
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.built_in_targets import HARM, harm_category, topic_of
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.own_targets import OwnTarget, target_name
from unsinter.studies.study.run_options import Progress, silent
from unsinter.studies.study.targets import definition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Prompts with their groups and the study's one outer split.

    Attributes
    ----------
    ids, groups : (n_prompts,) of objects: memory grows with the text of ids that are whole prompts.
    split : fold of each prompt; fold 0 is held out and never chosen from.
    recorded : model -> its recorded answer to each prompt (n_prompts,); empty where models answer themselves.
    notes : what the reader of a result should know of the prompts, a sentence each.
    """

    prompts: tuple[PromptRecord, ...]
    ids: Names
    groups: Names
    split: Split
    recorded: Mapping[str, Sequence[Response | None]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """Held-out rows (n_prompts,)."""
        return np.array(self.split.folds) == 0

    @property
    def categories(self) -> Names:
        """Harm category (n_prompts,); empty where harmless or unknown."""
        return _names(harm_category(record) for record in self.prompts)

    @property
    def sources(self) -> Names:
        """Source of each prompt (n_prompts,); empty where unknown."""
        return _names(record.source for record in self.prompts)

    @property
    def harm(self) -> NDArray[np.str_]:
        """``harmful``, ``harmless`` or empty where unknown (n_prompts,)."""
        known = [record.harmful for record in self.prompts]
        return np.array(["" if harmful is None else HARM[harmful] for harmful in known], dtype=np.str_)

    @property
    def topics(self) -> Names:
        """What a prompt is about, harmful or not (n_prompts,): its category, else its topic, else empty."""
        return _names(topic_of(record) for record in self.prompts)


def make_dataset(prompts: list[PromptRecord], study: Study, *, progress: Progress = silent) -> Dataset:
    """Group near duplicates and twins, then split groups, stratified by category of harm.

    Raises
    ------
    StudyError : a target cannot be studied, or the prompts make too few groups to be split.
    """
    for target in study.own_targets:
        own_labels(target, prompts, files=file_names(study.prompts))
    grouping = group_prompts(prompts, **study.prompts.near_copies.model_dump())
    notes = prompt_notes(prompts, grouping)
    notes += [note for target in study.own_targets for note in own_notes(target, prompts)]
    dataset = Dataset(
        prompts=tuple(prompts),
        ids=_names(record.id for record in prompts),
        groups=_names(grouping.labels),
        split=_split(prompts, grouping.labels, study, notes),
        recorded=read_recorded_responses(study.responses, prompts, progress=progress)
        if study.responses and study.responses.path
        else {},
        notes=tuple(notes),
    )
    _refuse_impossible_questions(dataset, study)
    return dataset


def _split(
    prompts: Sequence[PromptRecord], labels: Sequence[str], study: Study, notes: Sequence[str]
) -> Split:
    try:
        return outer_split(
            [record.id for record in prompts],
            labels,
            strata=_strata(prompts),
            n_folds=max(2, round(1 / study.test_fraction)),
            seed=study.seed,
        )
    except SplitError as error:
        raise StudyError(" ".join([str(error), *notes])) from error


def _strata(prompts: Sequence[PromptRecord]) -> list[str]:
    """Return the category of each harmful prompt; all harmless ones are one stratum, and so are unknown ones.

    The names of these strata decide between splits that are equally good, and are no category's.
    """
    named = [harm_category(record) for record in prompts]
    free = {}
    for stratum in ("harmless", "uncategorised"):
        free[stratum] = stratum
        while free[stratum] in named:
            free[stratum] += "'"
    other = {True: free["uncategorised"], False: free["harmless"], None: ""}
    return [name or other[record.harmful] for name, record in zip(named, prompts, strict=True)]


def _names(values: Iterable[str | None]) -> Names:
    """Return names as objects (n,), empty for None: an array of text gives each the width of the longest."""
    return np.array([value or "" for value in values], dtype=object)


def prompt_target(target: str | OwnTarget, dataset: Dataset, study: Study) -> Target:
    """Return a target that needs no responses, such as D or C."""
    return _target(target, dataset, [None] * len(dataset.prompts), study)


def recorded_labels(target: Target, dataset: Dataset, study: Study) -> dict[str, NDArray[np.str_]]:
    """Return the labels that each recorded model's answers give (n_prompts,); empty for a target of
    prompts."""
    if not definition_of(target.name).needs_answers:
        return {}
    targets = {
        model: _target(target.name, dataset, answers, study, min_groups=1)
        for model, answers in dataset.recorded.items()
    }
    return {model: np.where(np.isin(t.labels, target.classes), t.labels, "") for model, t in targets.items()}


def _target(
    target: str | OwnTarget,
    dataset: Dataset,
    answers: Sequence[Response | None],
    study: Study,
    *,
    min_groups: int | None = None,
) -> Target:
    return make_target(
        target,
        dataset.prompts,
        answers,
        groups=dataset.groups,
        min_groups=study.min_groups if min_groups is None else min_groups,
    )


def target_rows(dataset: Dataset, target: Target, *, n_folds: int, seed: int) -> Rows:
    """Return training and held-out rows where the target is defined, and inner folds of training groups."""
    train = np.flatnonzero(target.defined & ~dataset.is_test)
    test = np.flatnonzero(target.defined & dataset.is_test)
    inner = outer_split(
        dataset.ids[train].tolist(),
        dataset.groups[train].tolist(),
        strata=target.labels[train].tolist(),
        n_folds=n_folds,
        seed=seed,
    )
    return Rows(train=train, test=test, inner=np.array(inner.folds))


def refusal_to_score(target: Target, rows: Rows) -> Reason | None:
    """Return why these rows cannot train, choose and test a probe of the target; None where they can.

    The study's split is stratified by category, so a rare answer can fall on one side only. A score of one
    class is NaN, and a penalty or site chosen by NaN would be the first one tried.
    """
    labels = target.labels
    for part, own in (("held-out rows", labels[rows.test]), ("training rows", labels[rows.train])):
        if only := _single_class(own):
            return Reason("one-class-in-part", target=target.name, part=part, held=only)
    for fold in np.unique(rows.inner):
        is_inside = rows.inner == fold
        for part, taken in (("rows of", is_inside), ("rows outside", ~is_inside)):
            if only := _single_class(labels[rows.train[taken]]):
                return Reason("one-class-in-fold", target=target.name, part=part, fold=fold, held=only)
    return None


def _single_class(labels: Names) -> str:
    """Return the one class of labels (n,) as a sentence names it; empty where there are two or more."""
    classes = np.unique(labels)
    if len(classes) >= 2:
        return ""
    return f"only {str(classes[0])!r}" if len(classes) else "no class"


def _refuse_impossible_questions(dataset: Dataset, study: Study) -> None:
    """Stop before any compute where prompts and recorded answers show that a target cannot be studied.

    Answers that are still to be generated cannot be known yet; targets of theirs that cannot be studied are
    named in the summary.
    """
    answers = dataset.recorded.get(study.responses.model or "") if study.responses else None
    for entry in study.targets:
        if definition_of(entry).needs_answers and not dataset.recorded:
            continue
        target = _target(entry, dataset, answers or [None] * len(dataset.prompts), study)
        reason = target.refusal_to_fit
        if reason is None:
            rows = target_rows(dataset, target, n_folds=study.inner_folds, seed=study.seed)
            reason = refusal_to_score(target, rows)
        if reason is not None:
            raise StudyError(
                f"{reason} (min_groups is {study.min_groups}); drop target {target_name(entry)} or add "
                "prompts (`unsinter check` counts them)."
            )
