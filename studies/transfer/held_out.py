"""Leave one source or one category out: site and penalty are chosen, and the probe fitted, without it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from unsinter.features.records.text_floor import PENALTIES
from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import auroc, percentile_interval
from unsinter.probes.tasks import Task
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.sites import Site
from unsinter.studies.study.run_options import counted
from unsinter.studies.tables.transfer_columns import LEFT_OUT
from unsinter.studies.transfer.fits import linear_scores
from unsinter.studies.transfer.held_out_splits import HeldOut, hold_outs
from unsinter.studies.transfer.inputs import HoldOutSettings, ModelSites
from unsinter.studies.transfer.plans import RowIndex, Side
from unsinter.studies.transfer.study_plans import examples_of
from unsinter.studies.transfer.word_floor import WordReader
from unsinter.studies.workers.spread import spread_sites


def held_out_tables(source: ModelSites, settings: HoldOutSettings, *, bootstrap: Bootstrap) -> pd.DataFrame:
    """Return the columns of ``LEFT_OUT``: a target on each source and category that had no say in its probe.

    Layer, position and penalty are chosen on grouped inner folds of the rows that remain, the penalty of the
    words likewise; the held-out rows are scored once. A source or category with fewer than ``min_groups``
    groups, or whose absence leaves too few to train on, adds no row. The seed of the bootstrap deals the
    inner folds too.
    """
    dataset, sites, penalties = source.dataset, source.sites, settings.penalties
    examples = examples_of(dataset, source.present, settings.target)
    splits = [
        split
        for kind in settings.kinds
        for split in hold_outs(
            kind,
            examples,
            dataset,
            inner_folds=settings.inner_folds,
            seed=bootstrap.seed,
            min_groups=settings.min_groups,
        )
    ]
    if not splits:
        return pd.DataFrame(columns=list(LEFT_OUT))
    of = f" of {settings.target.name}" if settings.target else ""
    inner = np.empty((len(splits), len(sites), len(penalties)))
    fitted = spread_sites(
        _site_scores,
        source.read,
        ([site] for site in sites),
        shared=(splits, penalties),
        n_jobs=source.n_jobs,
    )
    step = f"{source.model}: sources and categories held out{of}"
    for number, scores in enumerate(counted(fitted, source.progress, step, len(sites))):
        inner[:, number] = scores
    picks = [divmod(int(np.argmax(scores)), len(penalties)) for scores in inner]
    reader = WordReader([prompt.whole_text for prompt in dataset.prompts])
    rows = []
    for split, inner_of, (place, number) in zip(splits, inner, picks, strict=True):
        chosen = {"penalty": penalties[number], "inner_score": inner_of[place, number]}
        layer, position = sites[place]
        scores = _final_scores(source.read(layer, position), split, penalty=penalties[number])
        words = _chosen_words(reader, split)
        names = {"model": source.model, "layer": layer, "position": position}
        rows.append(
            names | chosen | _row(split, scores, words, bootstrap.draws(dataset.groups[split.tested]))
        )
    return pd.DataFrame(rows)[list(LEFT_OUT)]


def _site_scores(
    X: FloatArray, site: Site, splits: Sequence[HeldOut], penalties: Sequence[float]
) -> FloatArray:
    return inner_scores(X, splits, penalties=penalties)


def inner_scores(X: FloatArray, splits: Sequence[HeldOut], *, penalties: Sequence[float]) -> FloatArray:
    """Return mean inner AUROC (n_splits, n_penalties) at one site; every fold of a split is one task.

    Splits do not share a call: what one holds out trains the others, and fits of a call may share a scale.
    """
    return np.array([_split_scores(X, split, penalties) for split in splits])


def _split_scores(X: FloatArray, split: HeldOut, penalties: Sequence[float]) -> FloatArray:
    positive, folds = split.is_positive[split.train].astype(np.intp), np.unique(split.inner)
    tasks = [Task(codes=np.where(split.inner != fold, positive, -1), n_classes=2) for fold in folds]
    scores = linear_scores(X[split.train], tasks, penalties)
    return split.fold_scores([own[:, split.inner == fold] for own, fold in zip(scores, folds, strict=True)])


def _final_scores(X: FloatArray, split: HeldOut, *, penalty: float) -> FloatArray:
    used = np.r_[split.train, split.tested]
    codes = np.r_[split.is_positive[split.train], np.full(len(split.tested), -1)].astype(int)
    (scores,) = linear_scores(X[used], [Task(codes=codes, n_classes=2)], [penalty])
    return scores[0, len(split.train) :]


def _chosen_words(reader: WordReader, split: HeldOut) -> FloatArray:
    folds = []
    for fold in np.unique(split.inner):
        train, held_out = split.train[split.inner != fold], split.train[split.inner == fold]
        folds.append(reader.scores(_side(train, split), held_out, penalties=PENALTIES))
    penalty = PENALTIES[int(np.argmax(split.fold_scores(folds)))]
    return reader.scores(_side(split.train, split), split.tested, penalties=[penalty])[0]


def _row(split: HeldOut, scores: FloatArray, words: FloatArray, draws: FloatArray) -> dict[str, Any]:
    truth = np.arange(len(split.tested)) < len(split.test.positive)
    value, floor = (float(auroc(own, truth)[0]) for own in (scores, words))
    drawn, floor_drawn = (auroc(own, truth, weights=draws) for own in (scores, words))
    low, high = percentile_interval(drawn)
    gain_low, gain_high = percentile_interval(drawn - floor_drawn)
    return {
        "kind": split.kind,
        "held_out": split.value,
        "auroc": value,
        "low": low,
        "high": high,
        "words": floor,
        "gain": value - floor,
        "gain_low": gain_low,
        "gain_high": gain_high,
        "positives": split.positives,
        "negatives": split.negatives,
        "n_train": len(split.train),
        "n_test_positive": len(split.test.positive),
        "n_test_negative": len(split.test.negative),
        "split_digest": split.digest,
    }


def _side(train: RowIndex, split: HeldOut) -> Side:
    is_positive = split.is_positive[train]
    return Side(positive=train[is_positive], negative=train[~is_positive])
