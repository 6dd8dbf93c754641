"""What is judged: two factors, groups, what is held fixed, and the rule's thresholds."""
