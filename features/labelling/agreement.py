"""Agreement of labels with gold labels: accuracy, kappa, macro-F1, intervals and confusion, per model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from unsinter.features.labelling.classifier import REFUSAL_CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement over one set of rows.

    Attributes
    ----------
    accuracy, low, high : share of equal labels and its 95 % Wilson interval.
    kappa : Cohen's kappa; ``None`` where both sides have one and the same single class.
    macro_f1 : mean F1 over the classes that occur in gold.
    confusion : gold class -> predicted class -> rows.
    """

    n: int
    accuracy: float
    low: float
    high: float
    kappa: float | None
    macro_f1: float
    confusion: Mapping[str, Mapping[str, int]]


def wilson_interval(hits: int, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a share.

    Raises
    ------
    ValueError : unless 0 <= hits <= n and n > 0.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"A share needs 0 <= hits <= n and n > 0, got {hits} of {n}.")
    share = hits / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def agree(gold: Sequence[str], predicted: Sequence[str]) -> Agreement:
    """Compare two lists of labels.

    Raises
    ------
    ValueError : they differ in length or are empty.
    """
    # Here and not above: every study file that is read imports this module, and few ask for agreement.
    from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score

    if len(gold) != len(predicted) or not gold:
        raise ValueError(
            f"Agreement needs equally many labels on both sides, got {len(gold)} and {len(predicted)}."
        )
    classes = [name for name in REFUSAL_CLASSES if name in gold or name in predicted]
    classes += sorted((set(gold) | set(predicted)) - set(classes))
    hits = sum(one == other for one, other in zip(gold, predicted, strict=True))
    low, high = wilson_interval(hits, len(gold))
    # scikit-learn warns about a single class even where labels are given; two columns are always asked for.
    table = confusion_matrix(gold, predicted, labels=[*classes, ""])
    return Agreement(
        n=len(gold),
        accuracy=hits / len(gold),
        low=low,
        high=high,
        kappa=float(cohen_kappa_score(gold, predicted, labels=classes)) if len(classes) > 1 else None,
        macro_f1=float(f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0)),
        confusion={
            row: {column: int(table[i, j]) for j, column in enumerate(classes)}
            for i, row in enumerate(classes)
        },
    )


def agree_by_model(
    gold: Sequence[str], predicted: Sequence[str], models: Sequence[str]
) -> dict[str, Agreement]:
    """Return the agreement of each model's rows, models in sorted order."""
    if len(models) != len(gold):
        raise ValueError(f"Every row needs a model, got {len(models)} models for {len(gold)} rows.")
    parts: dict[str, tuple[list[str], list[str]]] = {}
    for one, other, model in zip(gold, predicted, models, strict=True):
        rows = parts.setdefault(model, ([], []))
        rows[0].append(one)
        rows[1].append(other)
    return {model: agree(*parts[model]) for model in sorted(parts)}
