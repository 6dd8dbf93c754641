from .positions import PositionError as PositionError
from .positions import available_positions as available_positions
from .rendering import RenderedPrompt as RenderedPrompt
from .rendering import render as render
from .template_input import TemplateInput as TemplateInput
