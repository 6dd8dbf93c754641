"""Category transfer: a probe of "category i against harmless", tested on "category j against harmless"."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.features.text_floor import floor_scores
from unsinter.probes import LogisticProbe
from unsinter.probes.metrics import auroc, group_draws, percentile_interval
from unsinter.studies.config import Study
from unsinter.studies.dataset import Dataset, prompt_target
from unsinter.studies.sweep import SiteFit
from unsinter.studies.tables import TRANSFER

FloatArray: TypeAlias = NDArray[np.floating]
Scorer: TypeAlias = Callable[[NDArray[np.intp], NDArray[np.bool_], NDArray[np.intp]], FloatArray]
"""(training rows, harmful or not, test rows) to one score per test row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCell:
    """One cell of a transfer matrix; the diagonal is held out as every other cell is."""

    train_category: str
    test_category: str
    auroc: float
    low: float
    high: float
    n_train_harmful: int
    n_train_harmless: int
    n_test_harmful: int
    n_test_harmless: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRows:
    """Rows of a transfer matrix.

    Attributes
    ----------
    category : (n_examples,) harm category, ``harmless``, or the empty string where a row takes no part.
    groups : (n_examples,) for the bootstrap.
    train, test : row indices on the two sides of the study's split.
    """

    category: NDArray[np.str_]
    groups: NDArray[np.str_]
    train: NDArray[np.intp]
    test: NDArray[np.intp]


def transfer_matrix(
    scorer: Scorer, rows: TransferRows, categories: Sequence[str], *, n_draws: int, seed: int
) -> list[TransferCell]:
    """Return all cells: every training row of the matrix sees equally many harmful examples.

    Harmless training rows and harmless test rows come from the two sides of the split and never meet. The
    interval is a 95 % cluster bootstrap over test groups; it does not cover the choice of training rows.
    """
    rng = np.random.default_rng(seed)
    harmless = rows.train[rows.category[rows.train] == "harmless"]
    pools = {name: rows.train[rows.category[rows.train] == name] for name in categories}
    size = min(len(pool) for pool in pools.values())
    tested = rows.test[np.isin(rows.category[rows.test], ["harmless", *categories])]
    draws = group_draws(rows.groups[tested], n_draws=n_draws, seed=seed)
    cells = []
    for name in categories:
        train = np.r_[np.sort(rng.choice(pools[name], size=size, replace=False)), harmless]
        scores = scorer(train, rows.category[train] != "harmless", tested)
        cells += [
            _cell(name, other, scores, rows.category[tested], draws, (size, len(harmless)))
            for other in categories
        ]
    return cells


def activation_scorer(X: FloatArray, *, penalty: float) -> Scorer:
    """Return a scorer that fits a logistic probe on rows of X (n_examples, d_model)."""

    def scorer(train: NDArray[np.intp], harmful: NDArray[np.bool_], test: NDArray[np.intp]) -> FloatArray:
        return LogisticProbe(penalty=penalty).fit(X[train], harmful).decision_function(X[test])

    return scorer


def _cell(
    name: str,
    other: str,
    scores: FloatArray,
    category: NDArray[np.str_],
    draws: FloatArray,
    n_train: tuple[int, int],
) -> TransferCell:
    part = np.isin(category, ["harmless", other])
    harmful = category[part] == other
    low, high = percentile_interval(auroc(scores[part], harmful, weights=draws[:, part]))
    return TransferCell(
        train_category=name,
        test_category=other,
        auroc=float(auroc(scores[part], harmful)[0]),
        low=low,
        high=high,
        n_train_harmful=n_train[0],
        n_train_harmless=n_train[1],
        n_test_harmful=int(harmful.sum()),
        n_test_harmless=int((~harmful).sum()),
    )


def study_transfer(
    model: str,
    dataset: Dataset,
    X: FloatArray,
    best: SiteFit,
    study: Study,
    *,
    present: NDArray[np.intp],
) -> pd.DataFrame | None:
    """Return both matrices of a model, probe and words, at the site the training rows chose for D.

    ``present`` are the rows that have activations (prompts too long for the model may have been dropped). A
    category without such rows on both sides of the split is left out; None where that leaves none.
    """
    rows = TransferRows(
        category=dataset.categories,
        groups=dataset.groups,
        train=present[~dataset.is_test[present]],
        test=present[dataset.is_test[present]],
    )
    categories = [
        name
        for name in prompt_target("C", dataset, study).classes
        if all(name in rows.category[side] for side in (rows.train, rows.test))
    ]
    if not categories:
        return None
    texts = [prompt.prompt for prompt in dataset.prompts]
    readers: dict[str, tuple[Scorer, int, str]] = {
        "probe": (activation_scorer(X, penalty=best.penalty), *best.site),
        "words": (word_scorer(texts), -1, ""),
    }
    tables = []
    for reader, (scorer, layer, position) in readers.items():
        cells = transfer_matrix(scorer, rows, categories, n_draws=study.bootstrap_draws, seed=study.seed)
        table = pd.DataFrame([asdict(cell) for cell in cells])
        tables.append(table.assign(model=model, reader=reader, layer=layer, position=position))
    return pd.concat(tables, ignore_index=True)[list(TRANSFER)]


def word_scorer(texts: Sequence[str]) -> Scorer:
    """Return a scorer that fits the word floor on the training rows' prompts."""

    def scorer(train: NDArray[np.intp], harmful: NDArray[np.bool_], test: NDArray[np.intp]) -> FloatArray:
        y = np.zeros(len(texts), dtype=np.int64)
        y[train] = harmful
        return floor_scores(texts, y.tolist(), train=train, test=test).decision

    return scorer
