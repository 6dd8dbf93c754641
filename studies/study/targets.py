"""The targets: what each asks, where it is defined, where its labels come from, what it is called."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydantic import ValidationError

from unsinter.features.records.record import NO_CATEGORY, PromptRecord
from unsinter.studies.study.own_targets import OwnTarget, class_name

HARM: Mapping[bool, str] = {True: "harmful", False: "harmless"}
"""Classes of D."""


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
    own : the study's words for a target of its own; None for a built-in one.
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
    own: OwnTarget | None = None


def harm_category(prompt: PromptRecord) -> str | None:
    """Return the category of a harmful prompt; None for harmless ones and where the file says it has none."""
    named = prompt.harmful and prompt.category and prompt.category.casefold() not in NO_CATEGORY
    return prompt.category if named else None


def topic_of(prompt: PromptRecord) -> str | None:
    """Return what a prompt is about, harmful or not: its category, else its topic."""
    return prompt.category or prompt.topic


def _harm(prompt: PromptRecord, _: Answer | None) -> str | None:
    return None if prompt.harmful is None else HARM[prompt.harmful]


def _refusal(_: PromptRecord, answer: Answer | None) -> str | None:
    return answer.refusal if answer is not None and answer.refusal in ("refusal", "compliance") else None


def _wording(_: PromptRecord, answer: Answer | None) -> str | None:
    return answer.wording if answer is not None and answer.refusal == "refusal" else None


BUILT_IN: Mapping[str, TargetDefinition] = {
    target.name: target
    for target in (
        TargetDefinition(
            name="D",
            asks="whether a request is harmful",
            question="is harm detected, on prompts like these?",
            title="D  harmful or harmless",
            meaning="harmful or harmless, every prompt",
            label=_harm,
            positive=HARM[True],
            negative=HARM[False],
            factor=Factor(
                noun="detection",
                short_noun="detection",
                one_class="detection",
                of="of harm",
                sides=(HARM[True], HARM[False]),
            ),
        ),
        TargetDefinition(
            name="C",
            asks="which category of harm it is",
            question="which category of harm is it?",
            title="C  category of harm",
            meaning="harm category, harmful prompts only",
            label=lambda prompt, _: harm_category(prompt),
            factor=Factor(
                noun="the category of harm",
                short_noun="the category",
                one_class="the category {!r}",
                of="of category",
            ),
        ),
        TargetDefinition(
            name="R",
            asks="whether the model refuses",
            question="will the model refuse?",
            title="R  refused or answered",
            meaning="refused or answered, every prompt with a response; partial refusals are masked",
            label=_refusal,
            needs_answers=True,
            positive="refusal",
            negative="compliance",
            factor=Factor(
                noun="the refusal decision",
                short_noun="the decision to refuse",
                one_class="the refusal decision",
                of="of decision",
                sides=("refused", "answered"),
            ),
        ),
        TargetDefinition(
            name="W",
            asks="how a refusal is worded",
            question="how is a refusal worded?",
            title="W  wording of the refusal",
            meaning="wording of the refusal, refused prompts only",
            label=_wording,
            needs_answers=True,
            factor=Factor(
                noun="the wording of the refusal",
                short_noun="the wording",
                one_class="the wording {!r}",
                of="worded as",
            ),
        ),
    )
}
"""Letter -> target, in the order of every table and page."""

TOPIC = "topic"
"""The factor that is no target: what a prompt is about, harmful or not."""

_TOPIC = Factor(noun="the topic", short_noun="the topic", one_class="the topic {!r}", of="of topic")


def definition_of(target: str | OwnTarget) -> TargetDefinition:
    """Return what is known of a target as a study names it; of an unknown name no more than the name."""
    if isinstance(target, str):
        return BUILT_IN.get(target) or _named(target)
    words = target.title or f"the field {target.field}"
    where = "; ".join(
        f"{name} is {' or '.join(map(class_name, values))}" for name, values in sorted(target.where.items())
    )
    scope = f"prompts where {where}" if where else "every prompt"
    about = f"{target.title} (field {target.field})" if target.title else f"field {target.field}"
    return TargetDefinition(
        name=target.name,
        asks=words,
        question=target.title or f"which value of {target.field} is it?",
        title=f"{target.name}  {target.title or target.field}",
        meaning=f"{about}, {scope}; masked where missing",
        factor=_own_factor(target.name),
        own=target,
    )


def _named(name: str) -> TargetDefinition:
    return TargetDefinition(
        name=name, asks=name, question=name, title=name, meaning=name, factor=_own_factor(name)
    )


def _own_factor(name: str) -> Factor:
    return Factor(noun=name, short_noun=name, one_class=f"{name} {{!r}}", of=f"of {name}")


def factor_of(name: str) -> Factor:
    """Return what a factor of a pair is called, by its target's name or ``TOPIC``."""
    return _TOPIC if name == TOPIC else definition_of(name).factor


def read_definitions(study: Mapping[str, Any]) -> dict[str, TargetDefinition]:
    """Return the targets that a run's study file may name, in order: the built-in ones, then its own.

    What is no target of this version is left out: a run's file may come from anyone.
    """
    listed = study.get("targets")
    own: dict[str, TargetDefinition] = {}
    for entry in listed if isinstance(listed, list | tuple) else ():
        if isinstance(entry, Mapping):
            try:
                target = OwnTarget.model_validate(entry)
            except ValidationError:
                continue
            own.setdefault(target.name, definition_of(target))
    return {**BUILT_IN, **{name: known for name, known in own.items() if name not in BUILT_IN}}


def in_order(names: Iterable[str]) -> list[str]:
    """Return names once each: the built-in targets in their order, then the others as they come."""
    once = list(dict.fromkeys(map(str, names)))
    return [name for name in BUILT_IN if name in once] + [name for name in once if name not in BUILT_IN]
