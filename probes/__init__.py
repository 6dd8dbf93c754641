"""Probes: arrays in, numbers out. Usable without the rest of the package."""

from unsinter.probes.linear import LogisticProbe

__all__ = ["LogisticProbe"]
