"""Single prompts, read token by token: which ones, their scores, and how they are shown."""
