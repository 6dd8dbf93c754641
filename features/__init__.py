"""Records, labels, text floors and activations: everything a probe is trained on."""
