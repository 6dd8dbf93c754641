"""Probes that leave a run, with their card."""
