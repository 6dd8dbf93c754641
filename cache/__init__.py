"""Activations on disk: content-addressed keys, immutable shards, one manifest. Knows nothing of models."""
