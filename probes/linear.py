"""Old path of `unsinter.probes.logistic.probe`, kept for code written before 0.2."""

from unsinter.probes.logistic.probe import LogisticProbe

__all__ = ["LogisticProbe"]
