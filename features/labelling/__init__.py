"""Labels of responses: refusal (R) and its wording (W), each with its provenance.

Names are imported when they are first asked for: study files need its words, not its patterns.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
