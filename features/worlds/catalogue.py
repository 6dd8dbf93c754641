"""Every kind of world by name."""

from collections.abc import Mapping
from types import MappingProxyType

from unsinter.features.worlds.kinds import WorldKind
from unsinter.features.worlds.one_axis_worlds import LABEL_ERRORS, ONE_AXIS
from unsinter.features.worlds.plain_worlds import PLAIN_WORLDS
from unsinter.features.worlds.trap_worlds import HARD_TO_SEE, NOTHING_CODED

WORLDS: Mapping[str, WorldKind] = MappingProxyType(
    {**PLAIN_WORLDS, **ONE_AXIS, **LABEL_ERRORS, **HARD_TO_SEE, **NOTHING_CODED}
)
"""Every kind of world by name."""
