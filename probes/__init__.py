"""Probes: arrays in, numbers out. Usable without the rest of the package.

Names are imported when they are first asked for, so that reading and scoring an exported probe needs numpy
and safetensors only.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
