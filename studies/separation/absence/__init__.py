"""How strong a code would have been noticed where none was read."""
