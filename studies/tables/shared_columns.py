"""Columns that stand alike in several tables."""

from unsinter.studies.study.built_in_targets import BUILT_IN, SHARES
from unsinter.studies.tables.column import Columns, text

MODEL = text("name of the model in the study file", needed=True)
TARGET = text(f"{', '.join([*BUILT_IN, *SHARES])}, or the name of a target of the study's own", needed=True)

REASON_DATA: Columns = {
    "reason_code": text("the same as a code; reasons of one code differ by their numbers and names"),
    "reason_short": text("the same in words without numbers: equal for reasons that differ by these only"),
    "reason_numbers": text("the numbers and names in these words, JSON"),
}
"""What stands beside the words of a reason."""
