"""Records, labels, text floors and activations: everything a probe is trained on.

Names are imported when they are first asked for. `extract` is in `unsinter.features.extract`, the room of
that name.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
