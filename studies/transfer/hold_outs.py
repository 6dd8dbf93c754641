"""Old path of `unsinter.studies.transfer.held_out_splits`, kept for code written before 0.2."""

from unsinter.studies.transfer.held_out_splits import HeldOut, hold_outs, values_of

__all__ = ["HeldOut", "hold_outs", "values_of"]
