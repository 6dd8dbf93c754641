"""A chat model with its tokenizer: loaded, checked, its blocks and their streams."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
