from .model import ChatModel as ChatModel
from .model import load_model as load_model
from .model import wrap_model as wrap_model
