"""A target: what it asks, where it is defined, where its labels come from, what it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from unsinter.features.records.record import PromptRecord


class Answer(Protocol):
    """What a target reads of a model's answer."""

    @property
    def refusal(self) -> str | None:
        """``refusal``, ``partial_refusal``, ``compliance``, or None where unknown."""

    @property
    def wording(self) -> str | None:
        """Style of a refusal."""


LabelOf: TypeAlias = Callable[[PromptRecord, Answer | None], str | None]
"""The label of one prompt and its answer; None where it is not defined or not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One side of a pair: what it and its values are called.

    Attributes
    ----------
    noun, short_noun : in a sentence, and where room is short.
    one_class : in a reason, a class of it against the rest; ``{!r}`` stands for the class.
    of : how a class is put after "groups that are".
    sides : words for the positive class and the other, where they have some of ours.
    """

    noun: str
    short_noun: str
    one_class: str
    of: str
    sides: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDefinition:
    """One target.

    Attributes
    ----------
    asks : the question after "the activations tell", such as "whether a request is harmful".
    question : the question as `check` puts it.
    title : over a panel, the name first.
    meaning : what its classes are and where it is defined.
    label : its label of one prompt; None for a target of the study's own, whose labels are a column's.
    needs_answers : whether labels come from responses.
    positive, negative : both classes, where a target has two whose names are ours; None: names of the data's.
    is_own : the study file defines it.
    counts_samples : each sampled answer is a row; a probe of it reads how often a prompt gets which.
    """

    name: str
    asks: str
    question: str
    title: str
    meaning: str
    factor: Factor
    label: LabelOf | None = None
    needs_answers: bool = False
    positive: str | None = None
    negative: str | None = None
    is_own: bool = False
    counts_samples: bool = False
