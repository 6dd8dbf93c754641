"""The built-in targets, their pairs, and the factor that is no target. A new one is an entry here."""

from collections.abc import Mapping
from dataclasses import replace

from unsinter.features.records.record import NO_CATEGORY, PromptRecord
from unsinter.studies.study.target_definition import Answer, Factor, TargetDefinition

HARM: Mapping[bool, str] = {True: "harmful", False: "harmless"}
"""Classes of D."""

BUILT_IN_PAIRS = ("D-R", "D-W", "C-W", "D-topic")
"""Pairs of built-in targets that get a verdict; a target of the study's own pairs with any."""


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

SHARES: Mapping[str, TargetDefinition] = {
    target.name: target
    for target in (
        replace(
            BUILT_IN["R"],
            name="R_share",
            asks="how often a prompt is refused",
            question="how often will the model refuse?",
            title="R_share  share of answers that refuse",
            meaning="refused or answered, every labelled sample of every prompt; partial refusals are masked",
            counts_samples=True,
        ),
        replace(
            BUILT_IN["W"],
            name="W_share",
            asks="how often a refusal is worded in which way",
            question="how often is a refusal worded in which way?",
            title="W_share  shares of wordings of the refusals",
            meaning="wording of the refusal, every sample of every prompt that refuses",
            counts_samples=True,
        ),
    )
}
"""Targets whose rows are sampled answers: a prompt that is refused now and then has both labels."""

TOPIC = "topic"
"""The factor that is no target: what a prompt is about, harmful or not."""

TOPIC_FACTOR = Factor(noun="the topic", short_noun="the topic", one_class="the topic {!r}", of="of topic")
