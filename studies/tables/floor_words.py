"""The floors that stand beside every score, and their words."""

from collections.abc import Mapping

FLOOR_WORDS: Mapping[str, str] = {
    "words": "the words of the prompt",
    "characters": "the characters of the prompt",
    "length": "the length of the prompt",
    "words+model": "the words and the model's name",
    "harm": "harmfulness alone",
    "category": "the category alone",
    "layer0_mean": "the mean of layer 0",
    "random_model": "a model with random weights",
}
"""Name of a floor in a table -> what it is."""
