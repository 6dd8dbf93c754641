"""A cache in an S3-compatible store, through obstore: paths of objects, ranged reads, names given once."""
