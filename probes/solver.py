"""Old path of `unsinter.probes.logistic.grid`, kept for code written before 0.2."""

from unsinter.probes.logistic.grid import GridFit, GridSolver

__all__ = ["GridFit", "GridSolver"]
