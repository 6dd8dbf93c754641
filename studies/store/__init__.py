"""Files of a run, whole or absent."""
