"""From estimates to a verdict and what would settle it."""
