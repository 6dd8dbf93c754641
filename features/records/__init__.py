"""Records of prompts and answers: read, named, grouped, and what their words alone tell."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
