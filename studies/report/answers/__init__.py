"""The answer of a run in a few lines, what stands behind each, and what is missing."""
