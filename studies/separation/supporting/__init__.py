"""Evidence that stands beside a verdict and does not decide it."""
