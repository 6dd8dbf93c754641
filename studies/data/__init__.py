"""Rows of a study: their labels and what is missing of them."""
