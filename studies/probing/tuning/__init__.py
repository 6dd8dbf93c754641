"""Probes tuned with Optuna."""
