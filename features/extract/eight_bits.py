"""What cannot be read of a model in 8 bits, where the tokens of one pass change each other."""

from collections.abc import Sequence

from unsinter.features.extract.forward import rows_change_mates
from unsinter.features.extract.produce import ExtractionError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


def refuse_answers_in_8_bits(model: ChatModel, rows: Sequence[RenderedPrompt]) -> None:
    """Refuse answers behind prompts where tokens change the ones before them.

    Raises
    ------
    ExtractionError : the model is read in 8 bits, and a row holds an answer.
    """
    if not rows_change_mates(model):
        return
    for row in rows:
        if len(row.token_ids) > row.prompt_end:
            raise ExtractionError(
                f"prompt {row.id!r}: in 8 bits the tokens of an answer change what is read at its prompt (a "
                "column that is an outlier at one token is computed otherwise at all); render without "
                "responses, or read the model in 4 bits or whole."
            )
