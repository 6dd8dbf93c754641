"""A model's activations for a study's rows."""
