from .extraction import Extraction as Extraction
from .extraction import ExtractionOptions as ExtractionOptions
from .extraction import extract as extract
from .in_memory import InMemoryStore as InMemoryStore
from .in_memory import read_site as read_site
