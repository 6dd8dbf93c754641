"""Probes: arrays in, numbers out. Usable without the rest of the package."""
