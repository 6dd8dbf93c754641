"""Does a probe of one category, wording, source or model read another one?"""

from unsinter.studies.transfer.cross_model import ModelSide, SplitPrompts, cross_model_table
from unsinter.studies.transfer.held_out import held_out_tables
from unsinter.studies.transfer.inputs import HoldOutSettings, MatrixSettings, ModelSites, Wordings
from unsinter.studies.transfer.matrices import transfer_tables
from unsinter.studies.transfer.plans import KINDS, Kind, Plan, Side

__all__ = [
    "KINDS",
    "HoldOutSettings",
    "Kind",
    "MatrixSettings",
    "ModelSide",
    "ModelSites",
    "Plan",
    "Side",
    "SplitPrompts",
    "Wordings",
    "cross_model_table",
    "held_out_tables",
    "transfer_tables",
]
