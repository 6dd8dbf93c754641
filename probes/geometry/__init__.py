"""Directions of factors and the angles between them."""
