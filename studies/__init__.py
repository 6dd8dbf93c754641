"""Studies: configuration, splits, runs, reports, planted models and the command line."""
