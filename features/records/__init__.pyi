from .readers import read_openings as read_openings
from .readers import read_prompts as read_prompts
from .readers import read_responses as read_responses
from .record import OpeningRecord as OpeningRecord
from .record import PromptRecord as PromptRecord
from .record import RecordError as RecordError
from .record import ResponseRecord as ResponseRecord
