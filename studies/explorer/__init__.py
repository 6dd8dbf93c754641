"""One page to explore a finished run with: points, layers, verdict and transfer cells; refits nothing."""
