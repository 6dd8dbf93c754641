"""The pairs of factors that a study asks about, from the labels of one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.association import cramers_v, same_labelling
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.estimate import NAN
from unsinter.studies.data.targets import Names, Response, all_labels, positive_of
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.factor_words import factor_words
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.record_covariates import record_covariates
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.study.built_in_targets import BUILT_IN_PAIRS, TOPIC
from unsinter.studies.study.own_targets import OwnTarget, target_name
from unsinter.studies.study.sections import Separation

_NAMED = 0.8
"""Share of rows on each side of D that must carry a topic before comparisons are held within one."""


_FINER = {"C-W": (True, True), "D-topic": (True, False)}
"""Pairs whose first, and second, factor is always read with the very class of the other held fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairContrast:
    """One contrast of a pair: a class of each factor against the rest.

    Attributes
    ----------
    name : D-R, D-W, C-W, D-topic, or a pair with a target of the study's own, as jailbreak-R.
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
    targets: Sequence[str | OwnTarget],
    is_present: NDArray[np.bool_],
    embedding: FloatArray | None = None,
) -> tuple[list[PairContrast], dict[str, Reason]]:
    """Return every contrast that the study asks for, and why a pair has none.

    A class is set against the rest if it occurs in ``min_groups`` groups. Wording counts where the model
    refused, category where the prompt is harmful, a target of the study's own where the study says;
    elsewhere they are missing. Where a factor has several classes, the other one is read with the very class
    held fixed, not only "this one or another". Source, language, system prompt and prefill of a prompt are
    held fixed where the records have them, and its topic where neither factor is one and both sides have
    topics.

    Parameters
    ----------
    embedding : (n_prompts, d) mean token embedding of each prompt: what is read must be read beyond it.
    """
    factors = _factors(dataset, responses, targets, is_present)
    shared = {
        "groups": dataset.groups,
        "text": [prompt.request for prompt in dataset.prompts],
        "embedding": embedding,
        "covariates": record_covariates(dataset.prompts),
    }
    made: list[PairContrast] = []
    left_out: dict[str, Reason] = {}
    for name in settings.pairs:
        if not set(name.split("-")) <= factors.keys():
            continue
        contrasts = _contrasts(name, factors, settings, shared)
        if isinstance(contrasts, Reason):
            left_out[name] = contrasts
        else:
            made += contrasts
    return made, left_out


def _contrasts(
    name: str, factors: Mapping[str, "_Factor"], settings: Separation, shared: Mapping[str, Any]
) -> list[PairContrast] | Reason:
    """Return the contrasts of one pair, or why it has none; ``shared`` is what all pairs are made with."""
    first, _, second = name.partition("-")
    z, w = factors[first].labels, factors[second].labels
    known = (z != "") & (w != "")
    if constant := [side for side, own in ((first, z), (second, w)) if len(np.unique(own[known])) < 2]:
        return Reason("constant-side", factor=constant[0])
    topics = factors[TOPIC].labels
    may_hold = _may_hold_topics(name, topics[known], z[known], w[known])
    strata = topics if may_hold and _holds_topics(z, topics, known) else None
    first_within, second_within = _finer(name, z[known], w[known])
    v = NAN if second == TOPIC else _association(w, topics, known)
    needed = settings.min_groups or Rule().min_groups
    each = {side: _one_or_each(factors[side], known, shared["groups"], needed) for side in (first, second)}
    if rare := [side for side, classes in each.items() if not classes]:
        return Reason("no-frequent-class", factor=rare[0], needed=needed)
    made = []
    for z_class, w_class in product(each[first], each[second]):
        pair = Pair(
            name=name,
            z=_codes(z, z_class, known),
            w=_codes(w, w_class, known),
            strata=strata,
            first_within=w if first_within else None,
            second_within=z if second_within else None,
            words=factor_words(first, second, z_class, w_class),
            z_sure=settings.sure_of(first),
            w_sure=settings.sure_of(second),
            **shared,
        )
        made.append(
            PairContrast(name=name, first_class=z_class, second_class=w_class, pair=pair, cramers_v=v)
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factor:
    """Labels (n_prompts,), empty where missing, and the class that speaks for two where one does."""

    labels: Names
    positive: str | None = None


def _factors(
    dataset: Dataset,
    responses: Sequence[Response | None],
    targets: Sequence[str | OwnTarget],
    is_present: NDArray[np.bool_],
) -> dict[str, _Factor]:
    """Return what pairs are made of, by name: the study's targets and the topic."""
    factors = {TOPIC: _Factor(labels=np.where(is_present, dataset.topics, ""))}
    for target in targets:
        labels = all_labels(target, dataset.prompts, responses)
        positive = positive_of(target, labels)
        factors[target_name(target)] = _Factor(labels=np.where(is_present, labels, ""), positive=positive)
    return factors


def _one_or_each(factor: _Factor, known: NDArray[np.bool_], groups: Names, min_groups: int) -> list[str]:
    """Return the classes of a factor to set against the rest; of two classes only the positive one."""
    names = [str(name) for name in np.unique(factor.labels[known])]
    if factor.positive is not None:
        return [name for name in names if name == factor.positive]
    frequent = [
        name for name in names if len(np.unique(groups[known & (factor.labels == name)])) >= min_groups
    ]
    return frequent[1:] if len(names) == 2 and len(frequent) == 2 else frequent


def _finer(name: str, z: Names, w: Names) -> tuple[bool, bool]:
    """Return whether the first factor is read with the very class of the second held fixed, and the reverse.

    That is so where the other one has several classes. Detection, and any factor of two classes, is read over
    all wordings, as its topic is held fixed.
    """
    if name in _FINER:
        return _FINER[name]
    n_first, n_second = len(np.unique(z)), len(np.unique(w))
    return n_second > 2 and not (n_first == 2 and name.endswith("-W")), n_first > 2


def _codes(labels: Names, name: str, known: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(known, (labels == name).astype(np.int8), np.int8(-1)).astype(np.int8)


def _holds_topics(z: Names, topics: Names, known: NDArray[np.bool_]) -> bool:
    """Return whether rows of every class alike, as harmful and harmless, carry topics to be held fixed."""
    return all((topics[known & (z == side)] != "").mean() >= _NAMED for side in np.unique(z[known]))


def _may_hold_topics(name: str, topics: Names, z: Names, w: Names) -> bool:
    """Return whether no factor is the topic, under this or another name: it would leave nothing."""
    if not {"C", TOPIC}.isdisjoint(name.split("-")):
        return False
    return name in BUILT_IN_PAIRS or not any(
        len(np.unique(own)) > 2 and same_labelling(topics.tolist(), own.tolist()) for own in (z, w)
    )


def _association(w: Names, topics: Names, known: NDArray[np.bool_]) -> float:
    rows = known & (topics != "")
    value = cramers_v(topics[rows].tolist(), w[rows].tolist()) if rows.any() else None
    return NAN if value is None else value
