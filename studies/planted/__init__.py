"""Two tiny chat models whose answer to the study's question is known because it was planted."""
