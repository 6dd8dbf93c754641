"""One model of a study: activations, answers, and the finished steps of every question asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unsinter.studies.activations.model_reading import Reading, read_model
from unsinter.studies.activations.saved_reading import read_saved
from unsinter.studies.activations.untrained import Once, read_layer0_mean, read_random_model
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Response
from unsinter.studies.data.unlabelled import Unlabelled, count_unlabelled
from unsinter.studies.probing.target import TargetInput
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.run.answer_facts import answer_facts
from unsinter.studies.run.target_inputs import harm_and_refusal, input_of
from unsinter.studies.run.target_step import target_step
from unsinter.studies.store.step_store import Step, StepStore
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.study.file import Study
from unsinter.studies.study.own_targets import target_name
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource

LONGEST_RENDERED = 4000
"""Characters of a rendered prompt that a summary keeps."""


@dataclass(slots=True, kw_only=True)
class ModelOutcome:
    """Everything one model adds to the run.

    Attributes
    ----------
    context : system text, examples, options, template and revision that the study names.
    targets : name -> what was asked; ``steps`` holds what came out, by the same names.
    shares : what came out of targets whose rows are sampled answers, by name.
    others : transfer, held-out and separation steps, by name.
    answers : what was refused and who labelled it, in counts.
    rendered : a prompt as the model read it, with all that its template adds.
    not_studied, not_separated : target, and pair of factors -> why it was not.
    """

    name: str
    path: str
    template: str
    context: dict[str, Any]
    identity: dict[str, Any]
    extraction: Mapping[str, Any]
    cells: dict[str, int]
    wording_by_category: dict[str, dict[str, int]]
    unlabelled: Unlabelled
    answers: Mapping[str, Any]
    rendered: str
    reading: Reading
    targets: dict[str, TargetInput] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    shares: dict[str, Step] = field(default_factory=dict)
    others: dict[str, Step] = field(default_factory=dict)
    not_studied: dict[str, Reason] = field(default_factory=dict)
    not_separated: dict[str, Reason] = field(default_factory=dict)
    not_caused: Reason | None = None
    """Why the causal check that the study asks for was not made; None where it was, or is not asked for."""

    @property
    def reasons(self) -> dict[str, Reason]:
        """Every reason that the summary gives in words, by its target, its pair, or its place there."""
        floors = {f"extraction.not_had.{name}": why for name, why in self.reading.not_had.items()}
        others = {"cut_answers": self.unlabelled.advice, "not_caused": self.not_caused}
        known = {name: why for name, why in others.items() if why is not None}
        return {**self.not_studied, **self.not_separated, **floors, **known}


def study_model(
    study: Study, source: ModelSource, dataset: Dataset, settings: Settings, store: StepStore
) -> ModelOutcome:
    """Extract, answer, probe and compare for one model."""
    read = read_model if source.activations is None else read_saved
    reading = read(study, source, dataset, settings)
    outcome = ModelOutcome(
        name=source.name,
        path=source.path,
        template=source.template,
        context=source.context | ({"revision": source.revision} if source.revision else {}),
        identity=reading.identity,
        extraction=reading.facts,
        cells=count_cells(dataset, reading.responses),
        wording_by_category=count_wordings(dataset, reading.responses),
        unlabelled=count_unlabelled(
            reading.responses,
            max_new_tokens=study.responses.max_new_tokens
            if study.responses is not None and not study.responses.path
            else None,
        ),
        answers=answer_facts(dataset, reading.responses, study.responses)
        | ({"server": dict(reading.server)} if reading.server else {}),
        rendered=rendered_text(dataset, reading),
        reading=reading,
    )
    readers = {
        "read": reading.reader,
        "read_layer0": Once(lambda: read_layer0_mean(study, reading, settings))
        if reading.has_floor("layer0_mean")
        else None,
        "read_random": Once(lambda: read_random_model(study, reading, settings))
        if reading.has_floor("random_model")
        else None,
    }
    for entry in study.targets:
        if isinstance(result := input_of(entry, study, dataset, reading, readers, model=source.name), Reason):
            outcome.not_studied[target_name(entry)] = result
            continue
        inputs, rows = result
        step = target_step(inputs, study, rows, settings, store)
        if inputs.places is None:
            outcome.targets[inputs.target.name], outcome.steps[inputs.target.name] = inputs, step
        else:
            outcome.shares[inputs.target.name] = step
    return outcome


def rendered_text(dataset: Dataset, reading: Reading) -> str:
    """Return a prompt as the model read it, harmless where there is one, cut where it is very long."""
    if not reading.rendered or reading.model is None:
        return ""
    harmless = set(dataset.ids[dataset.harm == HARM[False]])
    row = next((row for row in reading.rendered if row.id in harmless), reading.rendered[0])
    text = str(
        reading.model.tokenizer.decode(list(row.token_ids[: row.prompt_end]), skip_special_tokens=False)
    )
    half = LONGEST_RENDERED // 2
    return text if len(text) <= LONGEST_RENDERED else f"{text[:half]}\n[...]\n{text[-half:]}"


def count_cells(dataset: Dataset, responses: Sequence[Response | None]) -> dict[str, int]:
    """Return independent groups per cell of D x R, named ``harmful/refusal`` and so on."""
    cells: dict[str, set[str]] = {}
    for name, group in zip(harm_and_refusal(dataset, responses), dataset.groups, strict=True):
        if name:
            cells.setdefault(name, set()).add(group)
    return {name: len(groups) for name, groups in sorted(cells.items())}


def count_wordings(dataset: Dataset, responses: Sequence[Response | None]) -> dict[str, dict[str, int]]:
    """Return independent groups per topic and wording, refusals only."""
    cells: dict[str, dict[str, set[str]]] = {}
    for topic, response, group in zip(dataset.topics, responses, dataset.groups, strict=True):
        if response is not None and response.refusal == "refusal" and response.wording:
            row = cells.setdefault(topic or "none", {})
            row.setdefault(response.wording, set()).add(group)
    return {
        topic: {wording: len(groups) for wording, groups in sorted(row.items())}
        for topic, row in sorted(cells.items())
    }
