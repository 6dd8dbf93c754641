"""One target at every site: probes, floors and controls."""
