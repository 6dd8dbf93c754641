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
    if definition_of(entry).counts_samples:
        return _input_of_samples(entry, study, dataset, reading, readers, model=model)
    target = make_target(
        entry,
        dataset.prompts,
        reading.responses,
        groups=dataset.groups,
        min_groups=study.min_groups,
        is_present=reading.is_present,
    )
    rows = _rows_of(target, study, dataset)
    if isinstance(rows, Reason):
        return rows
    inputs = TargetInput(
        model=model,
        target=target,
        rows=rows,
        sites=_sites(study, reading),
        cells=harm_and_refusal(dataset, reading.responses),
        answers=recorded_labels(target, dataset, study),
        split_digest=dataset.split.digest,
        ceiling=_ceiling(reading, rows.test, seed=study.seed) if target.name == "R" else NAN,
        content=_content(reading),
        **readers,
    )
    return inputs, dataset


def _input_of_samples(
    entry: str | OwnTarget,
    study: Study,
    dataset: Dataset,
    reading: Reading,
    readers: Mapping[str, Any],
    *,
    model: str,
) -> tuple[TargetInput, Dataset] | Reason:
    """Return the same of a target whose rows are sampled answers.

    Positions in an answer are left out: one answer of several is read there.
    """
    sampled = SampledRows.of(reading.responses)
    target = make_target(
        entry,
        [dataset.prompts[place] for place in sampled.places],
        sampled.labels,
        groups=dataset.groups[sampled.places],
        min_groups=study.min_groups,
        is_present=reading.is_present[sampled.places],
    )
    if (reason := target.refusal_to_fit) is not None:
        return reason
    for part, is_there in (("held-out rows", dataset.is_test), ("training rows", ~dataset.is_test)):
        if not is_there[sampled.places].any():
            return Reason("one-class-in-part", target=target.name, part=part, held="no class")
    sites = [site for site in _sites(study, reading) if not reads_answer(site[1])]
    if not sites:
        return Reason("samples-not-at-prompt", target=target.name)
    repeated = sampled.dataset(dataset)
    rows = _rows_of(target, study, repeated)
    if isinstance(rows, Reason):
        return rows
    held_out = np.unique(sampled.places[rows.test])
    ceiling = _ceiling(reading, held_out, seed=study.seed, by_sample=True)
    inputs = TargetInput(
        model=model,
        target=target,
        rows=rows,
        sites=sites,
        cells=harm_and_refusal(repeated, sampled.labels),
        answers={},
        split_digest=dataset.split.digest,
        ceiling=ceiling if target.name == "R_share" else NAN,
        content=_content(reading),
        places=sampled.places,
        **{name: read and sampled.reader(read) for name, read in readers.items()},
    )
    return inputs, repeated


def _rows_of(target: Target, study: Study, dataset: Dataset) -> Rows | Reason:
    """Return the rows of a target; why not, where it cannot be fitted, chosen or scored."""
    if (reason := target.refusal_to_fit) is not None:
        return reason
    rows = target_rows(dataset, target, n_folds=study.inner_folds, seed=study.seed)
    return refusal_to_score(target, rows) or rows


def _sites(study: Study, reading: Reading) -> list[Site]:
    return [(layer, position) for position in study.positions for layer in reading.layers]


def _content(reading: Reading) -> dict[str, Any]:
    return {"identity": reading.identity, "rows": list(reading.extraction.keys)}


def _ceiling(reading: Reading, rows: NDArray[np.intp], *, seed: int, by_sample: bool = False) -> float:
    """Return what sampled labels of these prompts allow a reader of refusals; NaN without samples."""
    held_out = [reading.responses[row] for row in rows]
    counts = [(a.n_refused or 0, a.n_samples or 0) if a else (0, 0) for a in held_out]
    refused, samples = np.array(counts, dtype=float).reshape(-1, 2).T
    return sampling_ceiling(refused, samples, seed=seed, by_sample=by_sample)


def harm_and_refusal(dataset: Dataset, answers: Sequence[Response | Answer | None]) -> NDArray[np.str_]:
    """Return the cell of each row (n_rows,), as ``harmful/refusal``; empty where either is unknown."""
    return np.array(
        [
            f"{harm}/{answer.refusal}" if harm and answer is not None and answer.refusal else ""
            for harm, answer in zip(dataset.harm, answers, strict=True)
        ],
        dtype=np.str_,
    )
