"""Old path of `unsinter.features.extract.in_memory`, kept for code written before 0.2."""

from unsinter.features.extract.in_memory import InMemoryStore, read_site

__all__ = ["InMemoryStore", "read_site"]
