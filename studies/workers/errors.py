"""What can be wrong with workers."""

from unsinter.cache.errors import UnsinterError


class WorkersError(UnsinterError, ValueError):
    """Workers cannot be had, are of another version, or were lost: one sentence says which."""
