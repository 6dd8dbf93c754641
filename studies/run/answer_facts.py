"""What the models answered, in counts, and who labelled it; where the prompts are from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Response
from unsinter.studies.study.sections import ResponseSource

OUR_RULES = "our rules, read by no one"
"""What the source of a label is called that this package's rules made."""


def answer_facts(
    dataset: Dataset, responses: Sequence[Response | None], source: ResponseSource | None
) -> dict[str, Any]:
    """Return how many prompts were refused and answered, by harm, how answers came about, and who labelled.

    Counts are of prompts, not of groups. Empty where the study has no answers.
    """
    counts: dict[str, Counter[str]] = {}
    labelled: Counter[str] = Counter()
    for harm, response in zip(dataset.harm, responses, strict=True):
        if response is not None:
            counts.setdefault(str(harm) or "unknown", Counter())[response.refusal or "unlabelled"] += 1
            if response.refusal:
                labelled[source_words(response.label_source)] += 1
    if source is None or not counts:
        return {}
    return {
        "counts": {harm: dict(own) for harm, own in sorted(counts.items())},
        "labelled_by": dict(labelled.most_common()),
        "made": decoding_words(source),
    }


def source_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return prompts per source, harmful and harmless apart; of unknown source under an empty name."""
    counts: dict[str, Counter[str]] = {}
    for source, harm in zip(dataset.sources, dataset.harm, strict=True):
        counts.setdefault(str(source), Counter())[str(harm) or "unknown"] += 1
    return {source: dict(own) for source, own in sorted(counts.items())}


def source_words(label_source: str) -> str:
    """Return who labelled an answer: a file's own word, or that our rules did."""
    return OUR_RULES if "labeller=rules" in label_source.split() else label_source or "unnamed"


def decoding_words(source: ResponseSource) -> str:
    """Return how the answers of a study came about."""
    if source.path:
        return "recorded" + (f", of {source.model}" if source.model else "")
    several = f", {source.samples} a prompt, labelled by most" if source.samples > 1 else ", one a prompt"
    how = f"sampled at temperature {source.temperature:g}{several}" if source.temperature else "greedy"
    marks = " or ".join(map(repr, source.stop))
    ends = f", ended before {marks}" if marks else ""
    by = "" if source.endpoint is None else f", by a server that serves {source.model}"
    return f"{how}, {source.max_new_tokens} tokens at most{ends}{by}"
