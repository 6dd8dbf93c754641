from .generate import GenerationError as GenerationError
from .generate import GenerationSettings as GenerationSettings
from .generate import generate_responses as generate_responses
