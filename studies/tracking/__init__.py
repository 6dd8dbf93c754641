"""A run told to an experiment tracker, from its own log and tables."""
