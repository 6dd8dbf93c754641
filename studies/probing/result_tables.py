"""From fits and floors to table rows: every score beside its interval, its floor and its control."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.probes.calibration import brier, expected_calibration_error
from unsinter.probes.metrics import balanced_accuracy, percentile_interval
from unsinter.probes.thresholds import rates_at
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import NAN, Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.floors import Floor
from unsinter.studies.probing.types import SiteFit, chosen, score
from unsinter.studies.tables.columns import FLOORS, PREDICTIONS, RESULTS


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
    bootstrap: Bootstrap,
) -> Question:
    """Draw the bootstrap weights once for all scores of a target."""
    draws = bootstrap.draws(groups[rows.test])
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
                "kind": floor.kind,
                "metric": question.metric,
                "score": value,
                "score_low": low,
                "score_high": high,
                "n_train": len(question.rows.train),
                "n_test": len(question.rows.test),
            }
        )
    return pd.DataFrame(rows, columns=list(FLOORS))


def result_table(
    question: Question,
    fits: Sequence[SiteFit],
    floors: Sequence[Floor],
    *,
    tuned: SiteFit | None = None,
    p_values: FloatArray | None = None,
    ceiling: float = NAN,
) -> pd.DataFrame:
    """Return one row per fitted probe, the tuned one last.

    The floor is the best of the text and label floors on the held-out rows, which favours the floor.

    Parameters
    ----------
    ceiling : AUROC that sampled labels allow at most.
    p_values : (n_fits,) in the order of ``fits``, then of ``tuned``; None where the study asked for none.
    """
    best = max(
        (floor for floor in floors if floor.kind != "activation"),
        key=lambda floor: _value_and_draws(question, floor.scores)[0],
    )
    floor_value, floor_draws = _value_and_draws(question, best.scores)
    activations = {f.name: _value_and_draws(question, f.scores)[0] for f in floors if f.kind == "activation"}
    selected = chosen(fits)
    shared = {
        "model": question.model,
        "target": question.target.name,
        "classes": len(question.target.classes),
        "metric": question.metric,
        "ceiling": ceiling,
        "floor": floor_value,
        "floor_name": best.name,
        "layer0_mean": activations.get("layer0_mean", NAN),
        "random_model": activations.get("random_model", NAN),
        "n_train": len(question.rows.train),
        "n_test": len(question.rows.test),
        "groups_test": len(np.unique(question.groups[question.rows.test])),
    }
    everything = [*fits, *([tuned] if tuned else [])]
    p_values = np.full(len(everything), NAN) if p_values is None else p_values
    rows = [
        shared
        | _fit_row(question, fit, floor_value, floor_draws)
        | _decision_row(question, fit)
        | {"p_value": float(p), "selected": fit is selected, "tuned": fit is tuned}
        for fit, p in zip(everything, p_values, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(RESULTS))


def prediction_table(question: Question, fits: Sequence[SiteFit]) -> pd.DataFrame:
    """Return one row per held-out score and class."""
    target, test = question.target, question.rows.test
    classes = target.order[1:] if target.is_binary else target.order
    parts = []
    for fit in fits:
        scores = fit.scores[:, None] if target.is_binary else fit.scores
        for column, name in enumerate(classes):
            parts.append(
                pd.DataFrame(
                    {
                        "model": question.model,
                        "target": target.name,
                        "family": fit.family,
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
        "family": fit.family,
        "layer": fit.site[0],
        "position": fit.site[1],
        "penalty": fit.penalty,
        "inner_score": fit.inner_score,
        "score": value,
        "score_low": low,
        "score_high": high,
        "control": fit.controls.control,
        "control_low": fit.controls.control_low,
        "control_high": fit.controls.control_high,
        "control_groups": fit.controls.control_groups,
        "selectivity": value - fit.controls.control,
        "shuffled": fit.controls.shuffled,
        "shuffled_sd": fit.controls.shuffled_sd,
        "code_bits": fit.controls.code_bits,
        "compression": fit.controls.compression,
        "gain": value - floor_value,
        "gain_low": gain_low,
        "gain_high": gain_high,
        "beats_floor": bool(gain_low > 0),
        "converged": fit.converged,
        "trial": fit.trial,
    }


def _decision_row(question: Question, fit: SiteFit) -> dict[str, Any]:
    """Return what the scores are worth as decisions and probabilities, by thresholds of the training rows."""
    operation, codes = fit.operation, question.target.codes[question.rows.test]
    probabilities = operation.calibration.probabilities(fit.scores)
    strict = (NAN, NAN)
    if question.target.is_binary:
        predicted = (fit.scores > operation.threshold).astype(int)
        strict = rates_at(fit.scores, codes == 1, operation.strict_threshold)
    else:
        predicted = fit.scores.argmax(axis=1)
    return {
        "balanced_accuracy": float(balanced_accuracy(predicted, codes)[0]),
        "tpr_at_1_fpr": strict[0],
        "fpr_there": strict[1],
        "brier": brier(probabilities, codes),
        "ece": expected_calibration_error(probabilities, codes),
        "threshold": operation.threshold,
        "calibration_slope": operation.calibration.slope,
        "calibration_intercept": operation.calibration.intercept,
    }


def _value_and_draws(question: Question, scores: FloatArray) -> tuple[float, FloatArray]:
    """Return the score and its bootstrap draws (n_draws,)."""
    value = float(score(question.target, scores, question.truth)[0])
    return value, score(question.target, scores, question.truth, weights=question.draws)
