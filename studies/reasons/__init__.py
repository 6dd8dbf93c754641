"""Why something is said, or cannot be: a code with its numbers and names, and its words in one place."""
