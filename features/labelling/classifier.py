"""Three-way refusal model: multinomial logistic regression over moves and short phrases, stored as plain
JSON."""

import hashlib
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
import numpy.typing as npt

from unsinter.features.labelling.evidence import GIVING, evidence, read_part
from unsinter.features.labelling.patterns import RULES_VERSION
from unsinter.features.labelling.phrases import phrases

REFUSAL_CLASSES = ("refusal", "partial_refusal", "compliance")
"""Values of R, in the order of every probability triple."""

_FORMAT = 1

_FULL_OPENING = 120
"""Known phrases from which on they share one weight; a shorter opening gives them less, so that rules
decide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalModel:
    """Coefficients that turn an opening into probabilities of :data:`REFUSAL_CLASSES`.

    Attributes
    ----------
    coefficients : feature name -> (3,), log-odds per unit of the feature.
    intercept : (3,).
    phrase_scale : a phrase counts this much divided by the root of the known phrases there are, at least 120.
    digest : SHA-256 of the stored file, first 12 digits; "unsaved" for a model that has no file.
    """

    coefficients: Mapping[str, npt.NDArray[np.float64]]
    intercept: npt.NDArray[np.float64]
    phrase_scale: float
    rules: str
    trained_on: Mapping[str, object]
    digest: str = "unsaved"

    def probabilities(self, opening: str) -> npt.NDArray[np.float64]:
        """Return the probabilities (3,) of refusal, partial refusal and compliance."""
        logits = self.intercept.copy()
        features = numbers(opening, self.coefficients, scale=self.phrase_scale)
        for name, value in features.items():
            if name in self.coefficients:
                logits += value * self.coefficients[name]
        odds = np.exp(logits - logits.max())
        return _nothing_given(odds / odds.sum(), features)

    def n_phrases(self, opening: str) -> int:
        """Return how many phrases of an opening the model knows; single words and marks do not count."""
        present = phrases(read_part(opening))
        return sum(" " in phrase and f"phrase:{phrase}" in self.coefficients for phrase in present)

    def to_json(self) -> str:
        """Return the model as JSON text with sorted keys; equal models give equal bytes."""
        table = {
            "format": _FORMAT,
            "classes": list(REFUSAL_CLASSES),
            "rules": self.rules,
            "phrase_scale": self.phrase_scale,
            "trained_on": dict(self.trained_on),
            "intercept": [round(float(value), 6) for value in self.intercept],
            "coefficients": {
                name: [round(float(value), 4) for value in row] for name, row in self.coefficients.items()
            },
        }
        return json.dumps(table, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


def numbers(opening: str, known_phrases: Container[str], *, scale: float) -> dict[str, float]:
    """Return every feature of an opening: its evidence, and the known phrases at one common weight."""
    features = evidence(opening)
    names = (f"phrase:{phrase}" for phrase in phrases(read_part(opening)))
    present = sorted(name for name in names if name in known_phrases)
    weight = scale / max(_FULL_OPENING, len(present)) ** 0.5
    return features | dict.fromkeys(present, weight)


def _nothing_given(
    chances: npt.NDArray[np.float64], features: Mapping[str, float]
) -> npt.NDArray[np.float64]:
    """Return the chances with partial counted as refusal where a first sentence refuses and nothing is
    given."""
    if "first:refusing" not in features or any(f"any:{move}" in features for move in GIVING):
        return chances
    return chances @ np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def read_model(file: Traversable) -> RefusalModel:
    """Read a stored model, of a path or of a package.

    Raises
    ------
    ValueError : names the file if it is damaged or made for other rules.
    """
    return _parse(file.read_text(encoding="utf-8"), where=str(file))


@cache
def shipped_model() -> RefusalModel:
    """Return the model that comes with the package."""
    return read_model(files("unsinter.features.labelling").joinpath("data/refusal_model.json"))


def _parse(text: str, *, where: str) -> RefusalModel:
    try:
        table = json.loads(text)
        model = RefusalModel(
            coefficients={
                name: np.array(row, dtype=np.float64) for name, row in table["coefficients"].items()
            },
            intercept=np.array(table["intercept"], dtype=np.float64),
            phrase_scale=float(table["phrase_scale"]),
            rules=str(table["rules"]),
            trained_on=table["trained_on"],
            digest=hashlib.sha256(text.encode()).hexdigest()[:12],
        )
        known = (table["format"], tuple(table["classes"]))
        n_classes = len(REFUSAL_CLASSES)
        shapes = {model.intercept.shape, *(row.shape for row in model.coefficients.values())}
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ValueError(f"{where} is not a refusal model ({error!r}); train it again.") from error
    if known != (_FORMAT, REFUSAL_CLASSES) or shapes != {(n_classes,)}:
        raise ValueError(
            f"{where} has format {known} with rows of shape {shapes}; train it again with this version."
        )
    if model.rules != RULES_VERSION:
        raise ValueError(
            f"{where} was trained on rules {model.rules}, these are {RULES_VERSION}; train it again."
        )
    return model
