"""From fits and floors to table rows: every score beside its interval, its floor and its control."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.probes.metrics import group_draws, percentile_interval
from unsinter.studies.floors import Floor
from unsinter.studies.sweep import FloatArray, Rows, SiteFit, chosen, score
from unsinter.studies.tables import FLOORS, PREDICTIONS, RESULTS
from unsinter.studies.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One target of one model on its rows, with the bootstrap weights that every interval of it uses.

    Attributes
    ----------
    ids, groups : (n_examples,) of all prompts of the study.
    draws : (n_draws, n_test) cluster-bootstrap weights of the held-out rows.
    """

    model: str
    target: Target
    rows: Rows
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    draws: FloatArray

    @property
    def truth(self) -> NDArray[np.str_]:
        """True classes of the held-out rows (n_test,)."""
        return self.target.labels[self.rows.test]

    @property
    def metric(self) -> str:
        """Name of the score."""
        return "auroc" if self.target.is_binary else "macro_f1"


def ask(
    model: str,
    target: Target,
    rows: Rows,
    *,
    ids: NDArray[np.str_],
    groups: NDArray[np.str_],
    n_draws: int,
    seed: int,
) -> Question:
    """Draw the bootstrap weights once for all scores of a target."""
    draws = group_draws(groups[rows.test], n_draws=n_draws, seed=seed)
    return Question(model=model, target=target, rows=rows, ids=ids, groups=groups, draws=draws)


def floor_table(question: Question, floors: Sequence[Floor]) -> pd.DataFrame:
    """Return one row per text floor."""
    rows = []
    for floor in floors:
        value, draws = _value_and_draws(question, floor.scores)
        low, high = percentile_interval(draws)
        rows.append(
            {
                "model": question.model,
                "target": question.target.name,
                "floor": floor.name,
                "metric": question.metric,
                "score": value,
                "score_low": low,
                "score_high": high,
                "n_train": len(question.rows.train),
                "n_test": len(question.rows.test),
            }
        )
    return pd.DataFrame(rows, columns=list(FLOORS))


def result_table(question: Question, fits: Sequence[SiteFit], floors: Sequence[Floor]) -> pd.DataFrame:
    """Return one row per fitted probe; the floor is the best of the text floors, which favours the floor."""
    best = max(floors, key=lambda floor: _value_and_draws(question, floor.scores)[0])
    floor_value, floor_draws = _value_and_draws(question, best.scores)
    selected = chosen(fits)
    shared = {
        "model": question.model,
        "target": question.target.name,
        "classes": len(question.target.classes),
        "metric": question.metric,
        "floor": floor_value,
        "floor_name": best.name,
        "n_train": len(question.rows.train),
        "n_test": len(question.rows.test),
        "groups_test": len(np.unique(question.groups[question.rows.test])),
    }
    rows = [
        shared | _fit_row(question, fit, floor_value, floor_draws) | {"selected": fit is selected}
        for fit in fits
    ]
    return pd.DataFrame(rows, columns=list(RESULTS))


def prediction_table(question: Question, fits: Sequence[SiteFit]) -> pd.DataFrame:
    """Return one row per held-out score and class."""
    target, test = question.target, question.rows.test
    classes = [target.classes[1]] if target.is_binary else sorted(target.classes)
    parts = []
    for fit in fits:
        scores = fit.scores[:, None] if target.is_binary else fit.scores
        for column, name in enumerate(classes):
            parts.append(
                pd.DataFrame(
                    {
                        "model": question.model,
                        "target": target.name,
                        "layer": fit.site[0],
                        "position": fit.site[1],
                        "id": question.ids[test],
                        "group": question.groups[test],
                        "truth": question.truth,
                        "class": name,
                        "score": scores[:, column].astype(np.float32),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)[list(PREDICTIONS)]


def _fit_row(question: Question, fit: SiteFit, floor_value: float, floor_draws: FloatArray) -> dict[str, Any]:
    value, draws = _value_and_draws(question, fit.scores)
    low, high = percentile_interval(draws)
    gain_low, gain_high = percentile_interval(draws - floor_draws)
    return {
        "layer": fit.site[0],
        "position": fit.site[1],
        "penalty": fit.penalty,
        "inner_score": fit.inner_score,
        "score": value,
        "score_low": low,
        "score_high": high,
        "control": fit.control_score,
        "gain": value - floor_value,
        "gain_low": gain_low,
        "gain_high": gain_high,
        "beats_floor": bool(gain_low > 0),
        "converged": fit.converged,
    }


def _value_and_draws(question: Question, scores: FloatArray) -> tuple[float, FloatArray]:
    """Return the score and its bootstrap draws (n_draws,)."""
    value = float(score(question.target, scores, question.truth)[0])
    return value, score(question.target, scores, question.truth, weights=question.draws)
