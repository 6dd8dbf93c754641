"""Labels of responses: refusal (R) and its wording (W), each with its provenance."""
