"""Every token of a prompt as the probes of all layers score it: one pass of the model per prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.features.extract.every_token import read_tokens
from unsinter.features.model.model import ChatModel
from unsinter.features.records.record import PromptRecord
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.features.rendering.token_texts import token_texts
from unsinter.probes.arrays import Layers
from unsinter.probes.relu_layers import relu_scores
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import NAN
from unsinter.studies.store.site_weights import read_weights
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.token_columns import TOKEN_SCORES

MOST_TOKENS = 512
"""Tokens of a prompt that are scored; of a longer one the middle is left out."""

_FIRST = 64
"""Of these, those that stand at its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProbe:
    """The probe of a target that was fitted at one layer.

    Attributes
    ----------
    layers : its affine maps on raw activations.
    threshold : score above which the positive class is called.
    """

    layers: Layers
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeColumn:
    """A target's probes of one position, one per layer of the study.

    Attributes
    ----------
    layer : of the site that the training rows chose.
    negative, positive : classes below and above the threshold.
    """

    target: str
    position: str
    layer: int
    family: str
    negative: str
    positive: str
    probes: Mapping[int, LayerProbe]


def probe_column(
    rows: pd.DataFrame,
    weights: Path,
    *,
    layer: int,
    position: str,
    about: Mapping[str, str] | None = None,
) -> ProbeColumn:
    """Return the sweep's probes of one position.

    Parameters
    ----------
    rows : a target's rows of ``results``, those of tuned probes left out.
    weights : the file that holds its weights.
    layer : of the chosen site.
    about : of which run the weights must be; None where that is known.

    Raises
    ------
    StudyError : the weights are missing, damaged or of another run.
    """
    own = rows[rows["position"] == position].sort_values("layer")
    probes, kept = {}, None
    for number, threshold in zip(own["layer"].astype(int), own["threshold"], strict=True):
        kept = read_weights(weights, layer=number, position=position, about=about)
        # As in an exported probe: without a threshold of its own it decides at zero.
        cut = kept.threshold if kept.threshold is not None else threshold
        probes[number] = LayerProbe(layers=kept.layers, threshold=float(cut) if pd.notna(cut) else 0.0)
    assert kept is not None
    return ProbeColumn(
        target=str(own["target"].iloc[0]),
        position=position,
        layer=layer,
        family=kept.family,
        negative=kept.classes[0],
        positive=kept.classes[1],
        probes=probes,
    )


def kept_tokens(n: int) -> list[int]:
    """Return which tokens of a prompt of ``n`` are scored: all, or the first and the last ones."""
    if n <= MOST_TOKENS:
        return list(range(n))
    return [*range(_FIRST), *range(n - MOST_TOKENS + _FIRST, n)]


def score_tokens(
    model: ChatModel,
    source: ModelSource,
    row: RenderedPrompt,
    record: PromptRecord,
    columns: Sequence[ProbeColumn],
) -> pd.DataFrame:
    """Return the rows of ``token_scores`` of one prompt, without its model's name.

    Parameters
    ----------
    row, record : the prompt as rendered for ``source``, without an answer, and as it was read.

    Raises
    ------
    RenderError : the row is not this text's.
    PositionError : the prompt has no such position.
    """
    tokens = kept_tokens(len(row.token_ids))
    layers = sorted({layer for column in columns for layer in column.probes})
    values = read_tokens(model, row, layers=layers, tokens=tokens)
    beside = source.beside.around(record.conversation)
    texts = token_texts(model, row, record.prompt, template=source.template, beside=beside, date=source.date)
    parts = []
    for column in columns:
        first, past = resolve_position(column.position, row)
        shared = {
            "id": row.id,
            "target": column.target,
            "position": column.position,
            "token": tokens,
            "text": [texts[token] for token in tokens],
            "part": [_part(token, row) for token in tokens],
            "fitted_here": [first <= token < past for token in tokens],
        }
        for layer, probe in column.probes.items():
            scores = _scores(values[layers.index(layer)], probe.layers)
            own = {"layer": layer, "score": scores, "threshold": probe.threshold}
            parts.append(pd.DataFrame({**shared, **own}))
    table = pd.concat(parts, ignore_index=True)
    return table[[name for name in TOKEN_SCORES if name != "model"]]


def _scores(X: FloatArray, layers: Layers) -> NDArray[np.float32]:
    """Return one score per token (n_tokens,), NaN where the activation is no finite number."""
    is_finite = np.isfinite(X).all(axis=1)
    scores = np.full(len(X), NAN, dtype=np.float32)
    if is_finite.any():
        scores[is_finite] = relu_scores(X[is_finite], layers)
    return scores


def _part(token: int, row: RenderedPrompt) -> str:
    start, end = row.instruction
    return "before" if token < start else "prompt" if token < end else "after"
