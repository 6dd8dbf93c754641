"""Questions to an HTTP server that may misbehave: address, key, bounded answers, attempts, many at once."""
