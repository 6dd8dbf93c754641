"""An exported probe on new text."""
