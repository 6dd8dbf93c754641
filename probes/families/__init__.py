"""Families of probes: one entry for each, read by studies, tuning, files, report and transfer."""
