"""Train the refusal model: ``python -m unsinter.features.labelling.train --data FOLDER --out FOLDER``."""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import naming
from unsinter.features.labelling.classifier import REFUSAL_CLASSES, RefusalModel, numbers
from unsinter.features.labelling.evidence import read_part
from unsinter.features.labelling.goldset import GoldRow, read_gold
from unsinter.features.labelling.patterns import RULES_VERSION
from unsinter.features.labelling.phrases import common_phrases, phrases
from unsinter.features.labelling.synthetic import openings

logger = logging.getLogger(__name__)

_PENALTY = 1.0
"""Inverse L2 penalty, chosen by grouped cross-validation inside the development half."""
_PHRASE_SCALE = 8.0
_FEWEST_ROWS, _FEWEST_FAMILIES = 5, 2
_AUXILIARY_WEIGHT = 0.3
"""Weight of a Do-Not-Answer refusal beside an XSTest row: its code book is another one."""


_SYNTHETIC_PER_CLASS = 300
_SYNTHETIC_WEIGHT = 0.1
"""Total weight of the generated openings, as a share of that of the human-labelled rows."""
_SYNTHETIC_SEED = 0


def fit_refusal_model(rows: Sequence[GoldRow], *, trained_on: str) -> RefusalModel:
    """Fit the three-way model on labelled rows and generated openings; the same rows give the same model.

    Rows of a model are weighted so that its share of the loss grows with the root of its number of rows.
    Phrases come from human-labelled rows alone, and only those that two model families share.
    """
    if {row.label for row in rows} != set(REFUSAL_CLASSES):
        raise ValueError(
            f"Training needs rows of {', '.join(REFUSAL_CLASSES)}, got {sorted({r.label for r in rows})}."
        )
    phrases_by_row = [phrases(read_part(row.opening)) for row in rows]
    kept = common_phrases(
        phrases_by_row, [row.family for row in rows], rows=_FEWEST_ROWS, sources=_FEWEST_FAMILIES
    )
    known = frozenset(f"phrase:{phrase}" for phrase in kept)
    vectorizer = DictVectorizer()
    pairs = [(row.opening, row.label) for row in rows]
    pairs += openings(per_class=_SYNTHETIC_PER_CLASS, seed=_SYNTHETIC_SEED)
    X = vectorizer.fit_transform([numbers(opening, known, scale=_PHRASE_SCALE) for opening, _ in pairs])
    y = np.array([REFUSAL_CLASSES.index(label) for _, label in pairs])
    solver = LogisticRegression(C=_PENALTY, max_iter=5000, tol=1e-6)
    solver.fit(X, y, sample_weight=_weights(rows, len(pairs) - len(rows)))
    return RefusalModel(
        coefficients=dict(zip(vectorizer.get_feature_names_out(), solver.coef_.T, strict=True)),
        intercept=solver.intercept_,
        phrase_scale=_PHRASE_SCALE,
        rules=RULES_VERSION,
        trained_on={"rows": trained_on, "counts": _counts(rows)},
    )


def _weights(rows: Sequence[GoldRow], n_synthetic: int) -> npt.NDArray[np.float64]:
    sizes = Counter((row.source, row.model) for row in rows)
    weights = np.array([sizes[row.source, row.model] ** -0.5 for row in rows])
    weights *= [_AUXILIARY_WEIGHT if row.source != "xstest" else 1.0 for row in rows]
    synthetic = np.full(n_synthetic, _SYNTHETIC_WEIGHT * len(rows) / n_synthetic)
    return np.concatenate([weights / weights.mean(), synthetic])


def _counts(rows: Sequence[GoldRow]) -> dict[str, int]:
    return dict(sorted(Counter(f"{row.source}/{row.model}/{row.label}" for row in rows).items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from a folder of gold responses and write ``refusal_model.json``; 2 on bad input."""
    parser = argparse.ArgumentParser(prog="python -m unsinter.features.labelling.train", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with responses*.jsonl and prompts*.jsonl"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write refusal_model.json into")
    parser.add_argument("--half", choices=("development", "report", "all"), default="development")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        rows = [row for row in read_gold(options.data).training if options.half in ("all", row.half)]
        model = fit_refusal_model(rows, trained_on=f"{options.half} half, split by split_group")
        target = options.out / "refusal_model.json"
        with naming(target, ValueError):
            make_folder(options.out)
            sweep(target)
            write_atomically(target, [model.to_json().encode()])
    except (ValueError, OSError) as error:
        logger.error("train: %s", error)
        return 2
    logger.info("%d rows, %d features -> %s", len(rows), len(model.coefficients), target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
