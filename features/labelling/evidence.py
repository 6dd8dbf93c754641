"""Numbers a small linear model can weigh: which moves an opening makes, where, and in what company."""

import re
from collections.abc import Sequence
from math import log1p

from unsinter.features.labelling.patterns import MOVES
from unsinter.features.labelling.prose.reasoning import answer_start
from unsinter.features.labelling.prose.text import normalise, prose, sentences
from unsinter.features.labelling.rules import Move, find_moves

LENGTH_SEEN = 300
"""Characters of an answer that count; what comes later is not looked at."""

REFUSING = ("inability", "inability_other", "decline", "no_endorsement")
_ANSWERING = ("answer_start", "offer_content", "steps", "list", "definition", "code", "heading")
GIVING = (*_ANSWERING, "contrast", "redirect", "correction", "negated_claim")
"""Moves one of which a partial refusal makes: without any, there is only the refusal."""
_NORMATIVE = ("moral_legal", "respect_norm", "not_recommended", "policy")


def read_part(opening: str) -> str:
    """Return what a label is read from: the first 300 characters after the reasoning that comes first."""
    start = answer_start(opening)
    return opening[start : start + LENGTH_SEEN]


def evidence(opening: str) -> dict[str, float]:
    """Return named features of the part that is read; absent ones are zero."""
    text = read_part(opening)
    moves = find_moves(text)
    spoken = prose(normalise(text))
    bounds = sentences(spoken) or [(0, len(text))]
    features = _move_features(moves, bounds)
    groups = {
        "refusing": REFUSING,
        "answering": _ANSWERING,
        "normative": _NORMATIVE,
    }
    for group, names in groups.items():
        for prefix in ("any", "first", "late"):
            if any(f"{prefix}:{name}" in features for name in names):
                features[f"{prefix}:{group}"] = 1.0
    features |= _pairs(features)
    features |= _shape(spoken, bounds)
    return features


def _move_features(moves: Sequence[Move], bounds: Sequence[tuple[int, int]]) -> dict[str, float]:
    features: dict[str, float] = {}
    first_end = bounds[0][1]
    contrast = min((move.start for move in moves if move.name == "contrast"), default=LENGTH_SEEN)
    for move in moves:
        features[f"any:{move.name}"] = 1.0
        features[f"count:{move.name}"] = features.get(f"count:{move.name}", 0.0) + 1.0
        where = "first" if move.start < first_end else "late"
        features[f"{where}:{move.name}"] = 1.0
        if move.start <= bounds[0][0] + 2:
            features[f"start:{move.name}"] = 1.0
        if move.start > contrast:
            features[f"after_but:{move.name}"] = 1.0
    for name in MOVES:
        if (count := features.pop(f"count:{name}", 0.0)) > 1:
            features[f"again:{name}"] = log1p(count - 1)
    return features


def _pairs(features: dict[str, float]) -> dict[str, float]:
    wanted = ("first:refusing", "late:refusing", "first:normative", "start:negated_claim")
    heads: list[str] = [head for head in wanted if head in features]
    if "any:refusing" not in features:
        heads.append("no:refusing")
        if "any:normative" not in features:
            heads.append("no:objection")
    others = [
        key for key in features if key.startswith(("any:", "after_but:")) and not key.endswith("refusing")
    ]
    return {f"{head}&{other}": 1.0 for head in heads for other in others}


def _shape(spoken: str, bounds: Sequence[tuple[int, int]]) -> dict[str, float]:
    length = len(spoken.strip())
    first = len(spoken[slice(*bounds[0])].split())
    return {
        "length": min(length, LENGTH_SEEN) / LENGTH_SEEN,
        "short": float(length < 80),
        "filled": float(length >= LENGTH_SEEN - 10),
        "sentences": min(len(bounds), 6) / 6,
        "first_words": min(first, 40) / 40,
        "i_words": min(len(re.findall(r"\bi\b", spoken)), 4) / 4,
        "you_words": min(len(re.findall(r"\byour?\b", spoken)), 4) / 4,
        "starts_i": float(bool(re.match(r"\W*(?:i|i'm|as an?|sorry)\b", spoken))),
        "starts_it_is": float(bool(re.match(r"\W*it(?:'s| is)\b", spoken))),
    }
