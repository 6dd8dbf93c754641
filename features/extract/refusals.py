"""What cannot be read of rows and a model, refused before the first forward pass."""

from collections.abc import Sequence

from unsinter.features.extract.forward import rows_change_mates
from unsinter.features.extract.produce import ExtractionError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt


def check_positions(positions: Sequence[str], rows: Sequence[RenderedPrompt]) -> tuple[str, ...]:
    """Return each position once.

    Raises
    ------
    ExtractionError, PositionError : there is none, or a row has not got one of them.
    """
    distinct = tuple(dict.fromkeys(positions))
    if not distinct:
        raise ExtractionError("positions is empty; name at least one.")
    for row in rows:
        for name in distinct:
            resolve_position(name, row)
    return distinct


def refuse_answers_in_8_bits(model: ChatModel, rows: Sequence[RenderedPrompt]) -> None:
    """Refuse answers behind prompts in 8 bits, where tokens of one pass change the ones before them.

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
