"""Every column of every table, and how the tables of a run are read."""
