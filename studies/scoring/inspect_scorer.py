"""A scorer for Inspect AI: what an exported probe reads of each sample's prompt in its own model."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import Any

from unsinter.features.model.model import ChatModel
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.studies.scoring.inputs import InputText
from unsinter.studies.scoring.score import ScoredText, load_fitting_model, score_texts


def probe_scorer(probe: Path | str, model: Path | str, *, adapter: Path | str | None = None) -> Any:
    """Return a scorer for ``inspect_ai.Task(scorer=...)``.

    Each sample's prompt is rendered and read in ``model`` as the probe's study did, whatever model Inspect
    evaluates: its answer is not read. A score's value is a table: ``score`` and, where the probe has
    probabilities, ``probability`` of the second of two classes; ``score NAME`` and ``probability NAME`` of
    every class where there are more. ``answer`` is the probe's decision; the metadata name probe and site.
    Inspect reports mean and standard error of each number; its target is not compared with anything.

    Parameters
    ----------
    probe : exported probe, a folder, a ``.safetensors`` file or ``hub:owner/name``.
    model : folder or id of the model it was fitted on.
    adapter : folder of the PEFT adapter that was merged into that model, where there was one.

    Raises
    ------
    ProbeFileError : the extra ``inspect`` is not installed, or the probe was fitted on another model; while
        scoring, a sample whose input is anything but one text of a user, or whose evaluated model was given
        another prompt.

    Examples
    --------
    >>> from inspect_ai import Task, eval  # doctest: +SKIP
    >>> scorer = probe_scorer("detector/tiny-D-layer06-template_end", "planted:detached")  # doctest: +SKIP
    >>> eval(Task(dataset=samples, scorer=scorer), model="mockllm/model")  # doctest: +SKIP
    """
    inspect: Any = _inspect()
    weights = load_probe(probe)
    loaded = load_fitting_model(weights, str(model), adapter=None if adapter is None else str(adapter))
    turn = Lock()  # one prompt at a time: a template's clock is set for the whole process

    def read(sample: str, text: str) -> ScoredText:
        with turn:
            (scored,) = score_texts(weights, loaded, [InputText(row=1, id=sample, text=text)])
        return scored

    def of_probe(probe: str, model: str, adapter: str | None) -> Any:
        async def score(state: Any, target: Any) -> Any:
            sample = str(state.sample_id)
            text = prompt_of(state.input, sample=sample)
            check_same_prompt(state, text, events=import_module("inspect_ai.log").transcript().events)
            scored = await import_module("anyio").to_thread.run_sync(read, sample, text)
            return inspect.Score(
                value=values_of(scored), answer=scored.decision, metadata=about(weights, loaded)
            )

        return score

    metrics = {"*": [inspect.mean(), inspect.stderr()]}
    # Its arguments are what Inspect's log says of the scorer.
    made = inspect.scorer(metrics=metrics, name="probe_scorer")(of_probe)
    return made(probe=str(probe), model=str(model), adapter=None if adapter is None else str(adapter))


def prompt_of(content: Any, *, sample: str) -> str:
    """Return a sample's prompt.

    Raises
    ------
    ProbeFileError : it is a conversation, holds something else than text, or is blank: the probe was fitted
        on single prompts, and what it would read of another is not known.
    """
    turns = [content] if isinstance(content, str) else list(content)
    texts = [turn if isinstance(turn, str) else _text_of(turn) for turn in turns]
    if len(texts) != 1 or texts[0] is None or not texts[0].strip():
        raise ProbeFileError(
            f"sample {sample!r}: its input is not one text of a user, and the probe was fitted on such; "
            "leave out system messages, further turns and attachments."
        )
    return texts[0]


def check_same_prompt(state: Any, text: str, *, events: Iterable[Any]) -> None:
    """Refuse a sample whose evaluated model was given something else than its prompt.

    Parameters
    ----------
    state : the sample's `TaskState` after its solvers.
    text : the prompt that the probe reads.
    events : the sample's transcript; a call shows what Inspect itself put before the messages.

    Raises
    ------
    ProbeFileError : the messages before the first answer are another text, or hold more, or tools go with
        them: what the probe reads would be beside an answer to something else.
    """
    calls = (call for call in events if call.event == "model" and call.role is None)
    first = next((call for call in calls if call.model == str(state.model) and call.input), None)
    seen = [state.messages] if first is None else [state.messages, first.input]
    has_tools = bool(state.tools) or (first is not None and bool(first.tools))
    if has_tools or any(_before_answer(messages) != [text] for messages in seen):
        raise ProbeFileError(
            f"sample {str(state.sample_id)!r}: the evaluated model was given another prompt than the "
            "sample's input, which the probe reads; leave out what changes it (a system message, a template, "
            "tools), or write it into the input."
        )


def _before_answer(messages: Iterable[Any]) -> list[str | None]:
    """Return the text of each message before the first answer, as `_text_of` does."""
    return [_text_of(message) for message in takewhile(lambda one: one.role != "assistant", messages)]


def values_of(scored: ScoredText) -> dict[str, float]:
    """Return scores and probabilities by name, as Inspect reports them."""
    is_binary = len(scored.classes) == 2
    names = [""] if is_binary else [f" {name}" for name in scored.classes]
    values = {f"score{name}": float(score) for name, score in zip(names, scored.scores, strict=True)}
    if scored.probabilities is not None:
        odds = scored.probabilities[1:] if is_binary else scored.probabilities
        values |= {f"probability{name}": float(value) for name, value in zip(names, odds, strict=True)}
    return values


def about(probe: ProbeWeights, model: ChatModel) -> Mapping[str, Any]:
    """Return what a number of the probe is a number of."""
    return {
        "probe": probe.name,
        "classes": list(probe.classes),
        "layer": probe.card["layer"],
        "position": probe.card["position"],
        "weights_sha256": probe.card["weights_sha256"],
        "read_in": model.name,
    }


def _text_of(message: Any) -> str | None:
    """Return the text of a user's message; None of any other, and of one that holds more than text."""
    if message.role != "user":
        return None
    if isinstance(message.content, str):
        return message.content
    parts = list(message.content)
    return parts[0].text if len(parts) == 1 and parts[0].type == "text" else None


def _inspect() -> Any:
    try:
        return import_module("inspect_ai.scorer")
    except ImportError as error:
        raise ProbeFileError(
            f"a scorer for Inspect needs {error.name}; run: pip install '.[inspect]' in unsinter's "
            "repository."
        ) from error
