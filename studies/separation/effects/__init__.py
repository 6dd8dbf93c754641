"""The effects of both factors as a cross-validated Mahalanobis Gram matrix."""
