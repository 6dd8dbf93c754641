"""MLP probes, trained in batches."""
