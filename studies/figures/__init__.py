"""Figures, drawn from a run's tables only."""
