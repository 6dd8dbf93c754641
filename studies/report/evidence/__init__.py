"""What a report reads of a run, and numbers as text."""
