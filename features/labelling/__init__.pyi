from .label import ResponseLabel as ResponseLabel
from .label import label_response as label_response
from .label import label_responses as label_responses
from .patterns import RULES_VERSION as RULES_VERSION
from .rules import Move as Move
from .rules import find_moves as find_moves
