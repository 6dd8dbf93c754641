"""Rows, labels, groups and splits of a study; no model is touched."""
