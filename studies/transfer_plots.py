"""Old path of `unsinter.studies.figures.transfer_matrix`, kept for code written before 0.2."""

from unsinter.studies.figures.transfer_matrix import (
    beats_words,
    cell_text,
    one_site,
    ordered_names,
    transfer_maps,
)

__all__ = ["beats_words", "cell_text", "one_site", "ordered_names", "transfer_maps"]
