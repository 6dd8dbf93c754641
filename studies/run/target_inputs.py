"""What a target of a model is made of: its labels, its rows, and the readers of the activations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.rendering.position_names import reads_answer
from unsinter.studies.activations.model_reading import Reading
from unsinter.studies.data.dataset import Dataset, recorded_labels, refusal_to_score, target_rows
from unsinter.studies.data.sampled_answers import sampling_ceiling
from unsinter.studies.data.sampled_rows import SampledRows
from unsinter.studies.data.sites import NAN, Rows, Site
from unsinter.studies.data.targets import Response, Target, make_target
from unsinter.studies.probing.target import TargetInput
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.file import Study
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.study.target_definition import Answer
from unsinter.studies.study.targets import definition_of


def input_of(
    entry: str | OwnTarget,
    study: Study,
    dataset: Dataset,
    reading: Reading,
    readers: Mapping[str, Any],
    *,
    model: str,
) -> tuple[TargetInput, Dataset] | Reason:
    """Return what a target is made of and the dataset of its rows; why not, where it cannot be studied.

    Rows are the prompts of the study or, for a target of shares, their sampled answers.

    Parameters
    ----------
    model : what the study calls it.
    readers : ``read``, ``read_layer0`` and ``read_random`` of `TargetInput`, over the prompts of the study.
    """
    split_digest = dataset.split.digest
    sampled = SampledRows.of(reading.responses) if definition_of(entry).counts_samples else None
    places = np.arange(len(dataset.prompts)) if sampled is None else sampled.places
    answers = reading.responses if sampled is None else sampled.labels
    target = make_target(
        entry,
        [dataset.prompts[place] for place in places],
        answers,
        groups=dataset.groups[places],
        min_groups=study.min_groups,
        is_present=reading.is_present[places],
    )
    sites = [(layer, position) for position in study.positions for layer in reading.layers]
    if sampled is not None:  # one answer of several is read at positions of answers
        sites = [site for site in sites if not reads_answer(site[1])]
        reason = target.refusal_to_fit or _refusal_of_samples(target, dataset, places, sites)
        if reason is not None:
            return reason
        dataset = sampled.dataset(dataset)
        readers = {name: read and sampled.reader(read) for name, read in readers.items()}
    rows = _rows_of(target, study, dataset)
    if isinstance(rows, Reason):
        return rows
    inputs = TargetInput(
        model=model,
        target=target,
        rows=rows,
        sites=sites,
        cells=harm_and_refusal(dataset, answers),
        answers=recorded_labels(target, dataset, study),
        split_digest=split_digest,
        ceiling=_ceiling(target, reading, places[rows.test], seed=study.seed),
        content={"identity": reading.identity, "rows": list(reading.extraction.keys)},
        places=None if sampled is None else places,
        **readers,
    )
    return inputs, dataset


def _refusal_of_samples(
    target: Target, dataset: Dataset, places: NDArray[np.intp], sites: Sequence[Site]
) -> Reason | None:
    """Return why samples of these prompts cannot be rows; None where they can."""
    for part, is_there in (("held-out rows", dataset.is_test), ("training rows", ~dataset.is_test)):
        if not is_there[places].any():
            return Reason("one-class-in-part", target=target.name, part=part, held="no class")
    return None if sites else Reason("samples-not-at-prompt", target=target.name)


def _rows_of(target: Target, study: Study, dataset: Dataset) -> Rows | Reason:
    """Return the rows of a target; why not, where it cannot be fitted, chosen or scored."""
    if (reason := target.refusal_to_fit) is not None:
        return reason
    rows = target_rows(dataset, target, n_folds=study.inner_folds, seed=study.seed)
    return refusal_to_score(target, rows) or rows


def _ceiling(target: Target, reading: Reading, places: NDArray[np.intp], *, seed: int) -> float:
    """Return what sampled labels of these rows' prompts allow a reader of refusals; NaN of other targets."""
    if target.name not in ("R", "R_share"):
        return NAN
    held_out = [reading.responses[place] for place in np.unique(places)]
    counts = [(a.n_refused or 0, a.n_samples or 0) if a else (0, 0) for a in held_out]
    refused, samples = np.array(counts, dtype=float).reshape(-1, 2).T
    return sampling_ceiling(refused, samples, seed=seed, by_sample=target.name == "R_share")


def harm_and_refusal(dataset: Dataset, answers: Sequence[Response | Answer | None]) -> NDArray[np.str_]:
    """Return the cell of each row (n_rows,), as ``harmful/refusal``; empty where either is unknown."""
    return np.array(
        [
            f"{harm}/{answer.refusal}" if harm and answer is not None and answer.refusal else ""
            for harm, answer in zip(dataset.harm, answers, strict=True)
        ],
        dtype=np.str_,
    )
