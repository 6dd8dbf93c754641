"""The pairs of factors that a study asks about, from the labels of one model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.association import cramers_v
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.estimate import NAN
from unsinter.studies.data.targets import POSITIVE, Names, Response
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.factor_words import factor_words
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.record_covariates import record_covariates
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.study.sections import Separation

_NAMED = 0.8
"""Share of rows on each side of D that must carry a topic before comparisons are held within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One contrast of a pair: a class of each factor against the rest.

    Attributes
    ----------
    name : D-R, D-W, C-W or D-topic.
    first_class, second_class : the classes coded 1.
    cramers_v : bias-corrected, of the whole second factor with the topic; NaN where it is the topic itself.
    """

    name: str
    first_class: str
    second_class: str
    pair: Pair
    cramers_v: float = NAN

    @property
    def letters(self) -> tuple[str, str]:
        """The two factors' names."""
        first, _, second = self.name.partition("-")
        return first, second


def study_pairs(
    dataset: Dataset,
    responses: Sequence[Response | None],
    settings: Separation,
    *,
    targets: Sequence[str],
    is_present: NDArray[np.bool_],
    embedding: FloatArray | None = None,
) -> tuple[list[Asked], dict[str, Reason]]:
    """Return every contrast that the study asks for, and why a pair has none.

    A class is set against the rest if it occurs in ``min_groups`` groups. Wording counts where the model
    refused, category where the prompt is harmful; elsewhere they are missing. Where a factor has several
    classes, the other one is read with the very class held fixed, not only "this one or another". The
    source of a prompt, its language and its system prompt are held fixed where the records have them.

    Parameters
    ----------
    embedding : (n_prompts, d) mean token embedding of each prompt: what is read must be read beyond it.
    """
    labels = _labels(dataset, responses, is_present)
    text = [prompt.prompt for prompt in dataset.prompts]
    covariates = record_covariates(dataset.prompts)
    found: list[Asked] = []
    left_out: dict[str, Reason] = {}
    for name in settings.pairs:
        first, _, second = name.partition("-")
        if not {first, second} <= {*targets, "topic"}:
            continue
        z, w = labels[first], labels[second]
        known = (z != "") & (w != "")
        if constant := [side for side, own in ((first, z), (second, w)) if len(np.unique(own[known])) < 2]:
            left_out[name] = Reason("constant-side", factor=constant[0])
            continue
        topics = labels["topic"]
        strata = topics if name in ("D-R", "D-W") and _holds_topics(z, topics, known) else None
        v = NAN if second == "topic" else _association(w, topics, known)
        min_groups = settings.min_groups or Rule().min_groups
        each = [
            _one_or_each(factor, own, known, dataset.groups, min_groups)
            for factor, own in ((first, z), (second, w))
        ]
        for z_class, w_class in product(*each):
            pair = Pair(
                name=name,
                z=_codes(z, z_class, known),
                w=_codes(w, w_class, known),
                groups=dataset.groups,
                strata=strata,
                first_within=w if name in ("C-W", "D-topic") else None,
                second_within=z if name == "C-W" else None,
                text=text,
                embedding=embedding,
                covariates=covariates,
                words=factor_words(first, second, z_class, w_class),
                z_sure=settings.sure_of(first),
                w_sure=settings.sure_of(second),
            )
            found.append(Asked(name=name, first_class=z_class, second_class=w_class, pair=pair, cramers_v=v))
    return found, left_out


def _labels(
    dataset: Dataset, responses: Sequence[Response | None], is_present: NDArray[np.bool_]
) -> dict[str, Names]:
    """Return the label of each prompt (n,) by factor; empty where missing."""
    refusals = np.array([(r.refusal or "") if r else "" for r in responses], dtype=object)
    wordings = np.array([(r.wording or "") if r else "" for r in responses], dtype=object)
    found = {
        "D": dataset.harm,
        "C": dataset.categories,
        "R": np.where(np.isin(refusals, ("refusal", "compliance")), refusals, ""),
        "W": np.where(refusals == "refusal", wordings, ""),
        "topic": dataset.topics,
    }
    return {name: np.where(is_present, labels, "") for name, labels in found.items()}


def _one_or_each(
    factor: str, labels: Names, known: NDArray[np.bool_], groups: Names, min_groups: int
) -> list[str]:
    """Return the classes of a factor to set against the rest; of two classes only the positive one."""
    names = [str(name) for name in np.unique(labels[known])]
    if factor in POSITIVE:
        return [name for name in names if name == POSITIVE[factor]]
    frequent = [name for name in names if len(np.unique(groups[known & (labels == name)])) >= min_groups]
    return frequent[1:] if len(names) == 2 and len(frequent) == 2 else frequent


def _codes(labels: Names, name: str, known: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(known, (labels == name).astype(np.int8), np.int8(-1)).astype(np.int8)


def _holds_topics(z: Names, topics: Names, known: NDArray[np.bool_]) -> bool:
    """Return whether harmful and harmless rows alike carry topics, so that one can be held fixed."""
    return all(
        (topics[known & (z == side)] != "").mean() >= _NAMED
        for side in ("harmful", "harmless")
        if (known & (z == side)).any()
    )


def _association(w: Names, topics: Names, known: NDArray[np.bool_]) -> float:
    rows = known & (topics != "")
    value = cramers_v(topics[rows].tolist(), w[rows].tolist()) if rows.any() else None
    return NAN if value is None else value
