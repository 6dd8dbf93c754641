"""Directions, their covariance and what is shared between them."""
