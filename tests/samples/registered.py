"""A family that this process knows for the length of a block."""

from contextlib import contextmanager

from unsinter.probes.families import registry


@contextmanager
def registered(family):
    before = dict(registry._families)
    registry.register(family)
    try:
        yield family
    finally:
        registry._families.clear()
        registry._families.update(before)
