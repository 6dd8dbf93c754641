"""Labels of responses: refusal (R) and its wording (W), each with its provenance."""

from unsinter.features.labelling.label import ResponseLabel, label_response, label_responses
from unsinter.features.labelling.patterns import RULES_VERSION
from unsinter.features.labelling.rules import Move, find_moves

__all__ = ["Move", "ResponseLabel", "RULES_VERSION", "find_moves", "label_response", "label_responses"]
