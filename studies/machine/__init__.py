"""What this computer can do, and what a study would take on it."""
