"""The sections of a report, each a list of blocks made of a run's tables."""
