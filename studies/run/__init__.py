"""The order of a run's steps, and what is reused."""
