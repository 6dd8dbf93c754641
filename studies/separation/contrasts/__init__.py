"""Double-difference directions and what they read, as AUROC with bands."""
