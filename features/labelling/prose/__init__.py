"""The prose of an answer: its text without quotes and reasoning."""
