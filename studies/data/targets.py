"""Targets as masked labels over one list of prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.own_labels import own_labels, positive_class
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.own_targets import OwnTarget, target_name
from unsinter.studies.study.target_definition import Answer
from unsinter.studies.study.targets import definition_of

Names: TypeAlias = NDArray[Any]
"""Text (n,): of objects where it may be long, else of numpy's text."""


class SampleLabel(NamedTuple):
    """What one of several sampled answers to a prompt is labelled."""

    refusal: str | None
    wording: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is known of one answer: did it refuse, and in which words."""

    refusal: str | None
    """``refusal``, ``partial_refusal``, ``compliance``, or None where unknown."""

    wording: str | None
    """Style of a refusal; None unless ``refusal`` is ``refusal``."""

    label_source: str

    opening: str | None = None
    """The answer's text as far as it is known; read only where a study asks for response positions."""

    missing: str | None = None
    """Why ``refusal`` is None."""

    truncated: bool = False
    """Whether the answer went on after the opening."""

    n_tokens: int | None = None
    """Tokens of a generated answer."""

    n_samples: int | None = None
    """Labelled samples behind the label; None where there is one answer."""

    n_refused: int | None = None
    """Of them, those that refused."""

    samples: tuple[SampleLabel, ...] = ()
    """Labels of these samples, in the order of the answers; empty where there is one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One labelling of the prompts and where it is defined.

    Attributes
    ----------
    labels : (n_examples,) class names; the empty string where masked.
    classes : classes with enough independent groups, sorted; for two classes the second is the positive one.
    left_out : class -> independent groups, for classes with too few of them.
    """

    name: str
    labels: Names
    classes: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Rows that take part (n_examples,)."""
        return self.labels != ""

    @property
    def is_binary(self) -> bool:
        """True for two classes: scored by AUROC, else by macro-F1."""
        return len(self.classes) == 2

    @property
    def order(self) -> tuple[str, ...]:
        """Classes in the order of their codes: of two the positive one last, of more sorted."""
        return self.classes if self.is_binary else tuple(sorted(self.classes))

    @property
    def codes(self) -> NDArray[np.intp]:
        """Place of each label in ``order`` (n_examples,); -1 where masked."""
        codes = np.full(len(self.labels), -1, dtype=np.intp)
        for code, name in enumerate(self.order):
            codes[self.labels == name] = code
        return codes

    @property
    def refusal_to_fit(self) -> Reason | None:
        """Why no probe can be fitted; None where one can."""
        if len(self.classes) >= 2:
            return None
        counts = sorted(self.left_out.items())
        if not self.classes:
            return Reason("no-large-class", target=self.name, counts=counts)
        if not counts:
            return Reason("one-class", target=self.name, kept=self.classes[0])
        return Reason("one-large-class", target=self.name, kept=self.classes[0], counts=counts)


def make_target(
    target: str | OwnTarget,
    prompts: Sequence[PromptRecord],
    responses: Sequence[Answer | None],
    *,
    groups: Names,
    min_groups: int,
    is_present: NDArray[np.bool_] | None = None,
) -> Target:
    """Label every prompt for a target and mask what is not defined, too rare or not ``is_present``.

    A missing label is masked, never a class of its own: coding "answered" as a wording turns W into R.

    Raises
    ------
    StudyError : as `own_labels`, for a target of the study's own.
    """
    raw = all_labels(target, prompts, responses)
    positive = positive_of(target, raw)
    if is_present is not None:
        raw[~is_present] = ""
    counts = {label: len(set(groups[raw == label])) for label in np.unique(raw[raw != ""])}
    kept = sorted(
        (label for label, n in counts.items() if n >= min_groups),
        key=lambda label: (label == positive, label),
    )
    # Classes are few and short enough for an array of text; what is left out may be as long as a prompt.
    labels = np.where(np.isin(raw, kept), raw, "").astype(np.str_)
    left_out = {label: n for label, n in counts.items() if n < min_groups}
    return Target(name=target_name(target), labels=labels, classes=tuple(kept), left_out=left_out)


def all_labels(
    target: str | OwnTarget, prompts: Sequence[PromptRecord], responses: Sequence[Answer | None]
) -> Names:
    """Return the label of each prompt (n_prompts,) of objects, empty where the target is not defined."""
    if not isinstance(target, str):
        return own_labels(target, prompts)
    label = definition_of(target).label
    assert label is not None  # only targets of a study's own have none
    return np.array([label(p, r) or "" for p, r in zip(prompts, responses, strict=True)], dtype=object)


def positive_of(target: str | OwnTarget, labels: Names) -> str | None:
    """Return the class that speaks for a target of these labels; None where it is the last by name."""
    if isinstance(target, str):
        return definition_of(target).positive
    return positive_class(target, [str(name) for name in np.unique(labels[labels != ""])])
