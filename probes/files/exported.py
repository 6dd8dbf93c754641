"""A probe as plain numbers: scores, probabilities and decisions with numpy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unsinter.cache.errors import UnsinterError as UnsinterError
from unsinter.cache.notebook_html import fact_table
from unsinter.probes.arrays import FloatArray, LabelArray, Layers
from unsinter.probes.calibration import Calibration
from unsinter.probes.families.registry import DEFAULT, UnknownFamilyError, family_of
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.relu_layers import relu_scores
from unsinter.probes.row_values import refuse_not_finite


class ProbeFileError(UnsinterError, ValueError):
    """A probe or its file is missing, damaged, or made for other activations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeWeights:
    """A probe as numbers: acts on raw activations of one layer and position, needs numpy only.

    Attributes
    ----------
    layers : affine maps with a ReLU between each two; one for a linear probe. The scaler is folded in. The
        last has one output for two classes, else one per class.
    classes : names; for two classes a positive score speaks for the second.
    family : a name that `probes.families.registry` knows; it says whether scores are nats.
    threshold : two classes: a score above it decides for ``classes[1]``; None for more, where the largest
        score decides.
    calibration : None where none was fitted.
    card : what the probe is and was measured to do.

    Raises
    ------
    ProbeFileError : shapes, classes, threshold or family do not go together.
    """

    layers: Layers = field(repr=False)
    classes: tuple[str, ...]
    family: str = DEFAULT.name
    threshold: float | None = 0.0
    calibration: Calibration | None = None
    card: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        if (fault := _fault(self)) is not None:
            raise ProbeFileError(f"this is no probe: {fault}.")

    @property
    def d_model(self) -> int:
        """Width of the activations it reads."""
        return int(self.layers[0][0].shape[1])

    @property
    def is_binary(self) -> bool:
        """True for two classes."""
        return len(self.classes) == 2

    def scores(self, X: FloatArray) -> FloatArray:
        """Return float64 scores of ``classes[1]`` (n_examples,), or of every class (n_examples, n_classes).

        Raises
        ------
        ProbeFileError : X is not (n_examples, d_model).
        ValueError : X holds NaN or inf.
        """
        X = plain_array(X, name="X")
        X = X.astype(np.float64, copy=False)
        if X.ndim != 2 or X.shape[1] != self.d_model:
            raise ProbeFileError(
                f"this probe reads activations of width {self.d_model}, got shape {X.shape}."
            )
        # A NaN is above no threshold, so it would be decided as the first class.
        refuse_not_finite(X, name="X")
        return relu_scores(X, self.layers)

    def probabilities(self, X: FloatArray) -> FloatArray:
        """Return class probabilities (n_examples, n_classes), columns in the order of ``classes``.

        Calibrated where a calibration was fitted; else what the scores say by themselves. A ridge or
        mass-mean probe without calibration, whose scores have no such meaning, is refused (ProbeFileError).
        """
        logits = self.logits(self.scores(X))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def logits(self, scores: FloatArray) -> FloatArray:
        """Return calibrated log-odds (n_examples, n_classes) of scores; of two classes the first has 0."""
        slope, intercept = self.slope_and_intercept
        calibrated = slope * scores + intercept
        return np.column_stack([np.zeros_like(scores), calibrated]) if self.is_binary else calibrated

    @property
    def has_probabilities(self) -> bool:
        """Whether its scores are, or were calibrated to, log-odds."""
        return self.calibration is not None or family_of(self.family).is_log_odds

    @property
    def slope_and_intercept(self) -> tuple[float, float]:
        """The calibration; (1, 0) for scores in nats without one; others are refused (ProbeFileError)."""
        if self.calibration is not None:
            return self.calibration.slope, self.calibration.intercept
        if family_of(self.family).is_log_odds:
            return 1.0, 0.0
        raise ProbeFileError(
            f"scores of a {self.family} probe are no log-odds and none were calibrated, so it has no "
            "probabilities; use its scores, or fit it in a study."
        )

    def decisions(self, X: FloatArray) -> LabelArray:
        """Return the class decided for each row (n_examples,): above ``threshold``, or the largest score."""
        return self.decide(self.scores(X))

    def decide(self, scores: FloatArray) -> LabelArray:
        """Return the class that each score, or row of scores, decides for."""
        is_second = self.threshold is not None and scores > self.threshold
        best = np.asarray(is_second, int) if self.is_binary else scores.argmax(axis=1)
        return np.array(self.classes)[best]

    def check_fits(
        self,
        *,
        identity: Mapping[str, str] | None = None,
        layer: int | None = None,
        position: str | None = None,
        d_model: int | None = None,
    ) -> None:
        """Raise ProbeFileError, naming what differs, unless the probe was fitted on just such activations.

        Only what is given is compared. Of ``identity`` (``ChatModel.identity``) weights, config, tokenizer,
        hook site, dtype and, unless the study used bare text, chat template must be equal. The dtype must,
        because the same weights rounded otherwise are other weights with another digest: load the model in
        the probe's. The attention implementation and the device may differ; they move an activation by
        rounding only.
        """
        differences = [] if identity is None else _identity_differences(self.card, identity)
        for name, here, there in (
            ("layer", self.card.get("layer"), layer),
            ("position", self.card.get("position"), position),
            ("width", self.d_model, d_model),
        ):
            if there is not None and here != there:
                differences.append(f"{name} {there!r} where the probe has {here!r}")
        if differences:
            raise ProbeFileError(f"{self.name} does not fit: {'; '.join(differences)}.")

    @property
    def name(self) -> str:
        """What errors and cards call the probe."""
        model = self.card.get("model")
        of = f" of {model['name']}" if isinstance(model, Mapping) and "name" in model else ""
        return f"the probe for {self.card.get('target', 'an unnamed target')}{of}"

    def _repr_html_(self) -> str:
        site = f"layer {self.card.get('layer', '?')} at {self.card.get('position', '?')}"
        facts = {
            "reads": f"{self.d_model} numbers, {site}",
            "classes": ", ".join(self.classes),
            "family": self.family,
            "decides above": "" if self.threshold is None else f"{self.threshold:.3g}",
            "probabilities": "calibrated" if self.has_probabilities else "none",
        }
        return fact_table(self.name[:1].upper() + self.name[1:], facts)


IDENTITY = {
    "hook_site": "hook site",
    "tokenizer": "tokenizer",
    "chat_template": "chat template",
    "dtype": "dtype",
    "config": "config",
    "weights": "weights",
    "date": "date shown to the chat template",
    "system": "system text",
    "examples": "examples before the prompt",
    "template_options": "options of the chat template",
}
"""Parts of a model's identity that must be equal, in the words of errors."""


def _identity_differences(card: Mapping[str, Any], identity: Mapping[str, str]) -> list[str]:
    known = card.get("model")
    if not isinstance(known, Mapping) or "weights" not in known:
        return ["its card names no model, so it cannot be told whether this is the one"]
    is_bare = card.get("template") == "raw"
    differences = []
    for key, words in IDENTITY.items():
        mine, theirs = str(known.get(key, "")), str(identity.get(key, ""))
        if key not in identity or mine == theirs or (key == "chat_template" and is_bare):
            continue
        if key == "dtype":
            differences.append(f"the model is in {theirs}, the probe's in {mine} (load it in {mine})")
        elif key == "date":
            known_day = mine or "an unknown day; run the study again, which pins it"
            differences.append(f"the chat template is shown {theirs}, the probe's was shown {known_day}")
        else:
            differences.append(
                f"another {words} ({theirs[:12] or 'none'}, the probe's {mine[:12] or 'none'})"
            )
    return differences


def _fault(probe: ProbeWeights) -> str | None:
    """Return what is wrong with the parts of a probe; None where they go together."""
    if len(probe.classes) < 2 or len(set(probe.classes)) < len(probe.classes):
        return f"it needs two or more different classes, got {str(list(probe.classes))[:200]}"
    try:
        family_of(probe.family)
    except UnknownFamilyError as error:
        return str(error).removesuffix(".")
    if (fault := _layer_fault(probe.layers, probe.is_binary, len(probe.classes))) is not None:
        return fault
    if probe.is_binary and not (isinstance(probe.threshold, float) and np.isfinite(probe.threshold)):
        return f"a probe of two classes needs a finite threshold, got {probe.threshold!r}"
    if not probe.is_binary and probe.threshold is not None:
        return f"of {len(probe.classes)} classes the largest score decides; threshold must be None"
    return _calibration_fault(probe.calibration, probe.is_binary)


def _calibration_fault(calibration: Calibration | None, is_binary: bool) -> str | None:
    if calibration is None:
        return None
    if not np.isfinite([calibration.slope, calibration.intercept]).all():
        return f"its calibration is not finite ({calibration.slope}, {calibration.intercept})"
    if not is_binary and (calibration.intercept != 0 or calibration.slope <= 0):
        return f"of many classes it is a slope above 0, got {calibration.slope}, {calibration.intercept}"
    return None


def _layer_fault(layers: Sequence[Any], is_binary: bool, n_classes: int) -> str | None:
    if not layers:
        return "it has no weights"
    width = None
    for index, (weight, bias) in enumerate(layers):
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or 0 in weight.shape:
            return f"weight {weight.shape} and bias {bias.shape} of map {index} do not go together"
        if width is not None and weight.shape[1] != width:
            return f"map {index} reads {weight.shape[1]} numbers where the one before gives {width}"
        width = weight.shape[0]
        never = np.isneginf(bias) & (index == len(layers) - 1) & (not is_binary)
        if not np.isfinite(weight).all() or not (np.isfinite(bias) | never).all():
            return f"map {index} holds NaN or inf"
    expected = 1 if is_binary else n_classes
    return None if width == expected else f"{width} outputs for {n_classes} classes"
