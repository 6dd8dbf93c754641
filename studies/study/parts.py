"""What the parts of a study need of each other: models, answers, positions."""

import difflib
from collections.abc import Sequence

from unsinter.features.rendering.position_names import (
    OF_ANSWERS,
    OF_PROMPTS,
    is_known_of_answers,
    is_known_of_prompts,
    reads_answer,
)
from unsinter.studies.study.sections import ModelSource, ResponseSource


def check_models(models: Sequence[ModelSource], responses: ResponseSource | None) -> None:
    """Raise ValueError where two models share a name, or answers cannot be had."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"two models share a name in {names}; names label the rows of every table")
    if responses is None:
        return
    if responses.path and not responses.model:
        raise ValueError("responses.path needs responses.model: whose recorded answers are used")
    if responses.endpoint is not None and len(models) > 1:
        raise ValueError(
            f"responses.endpoint answers as one model, and the study has {len(models)}: {', '.join(names)}; "
            "make a study of each"
        )
    saved = [model.name for model in models if model.activations is not None]
    if saved and not responses.path:
        raise ValueError(
            f"model {saved[0]!r} has saved activations and is not loaded, so it cannot answer the prompts; "
            "name recorded answers in responses (path and model), or drop responses"
        )


def check_positions(
    positions: Sequence[str], models: Sequence[ModelSource], *, allows_answers: bool, has_responses: bool
) -> None:
    """Raise ValueError for a name of no position, and for tokens of answers that a study does not allow or
    have. Activations that were saved elsewhere may be of positions of other names."""
    of_answers = [position for position in positions if reads_answer(position)]
    named = set(positions) - set(of_answers) if any(model.activations is None for model in models) else set()
    if unknown := sorted(name for name in named if not is_known_of_prompts(name)):
        near = difflib.get_close_matches(unknown[0], OF_PROMPTS, n=1)
        raise ValueError(
            f"position {unknown[0]!r} is unknown; of prompts there are {', '.join(OF_PROMPTS)} and "
            "template_<k> with k from 1" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    if not of_answers:
        return
    if unknown := [position for position in of_answers if not is_known_of_answers(position)]:
        raise ValueError(
            f"position {unknown[0]!r} is unknown; of answers there are {', '.join(OF_ANSWERS)}, response_<k> "
            "and response_max_<k> with k from 1"
        )
    if not allows_answers:
        raise ValueError(
            "positions of the answer let a probe read the answer it is to predict; "
            "drop them or set allow_response_positions: true"
        )
    if not has_responses:
        raise ValueError("positions ask for response tokens; add a section 'responses'")


def check_causal(models: Sequence[ModelSource], targets: Sequence[str]) -> None:
    """Raise ValueError where the causal check would end a run for want of a model or of a direction."""
    if "D" not in targets and "R" not in targets:
        raise ValueError(
            f"causal takes out what tells harm (D) or refusals (R), and targets are {', '.join(targets)}; "
            "add D or R to targets or drop causal"
        )
    if saved := [model.name for model in models if model.activations is not None]:
        raise ValueError(
            f"causal changes a model while it reads, and of {saved[0]!r} the study has saved activations "
            "only; drop causal"
        )
