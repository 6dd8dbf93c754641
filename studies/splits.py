"""Old path of `unsinter.studies.data.splits`, kept for code written before 0.2."""

from unsinter.studies.data.splits import (
    LeakageError,
    Split,
    SplitError,
    hold_out_each,
    outer_split,
    straddling,
)

__all__ = ["LeakageError", "Split", "SplitError", "hold_out_each", "outer_split", "straddling"]
