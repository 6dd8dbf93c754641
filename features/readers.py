"""Old path of `unsinter.features.records.readers`, kept for code written before 0.2."""

from unsinter.features.records.readers import read_openings, read_prompts, read_responses

__all__ = ["read_openings", "read_prompts", "read_responses"]
