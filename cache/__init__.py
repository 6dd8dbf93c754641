"""Activations on disk: content-addressed keys, immutable shards, an index of what each holds.

Knows nothing of models.

Names are imported when they are first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
