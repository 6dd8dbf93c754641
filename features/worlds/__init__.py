"""Worlds of activations with a planted answer: what a verdict on two factors is checked against."""

from unsinter.features.worlds.catalogue import WORLDS
from unsinter.features.worlds.kinds import Verdict, WorldKind
from unsinter.features.worlds.knobs import CELLS, Knobs
from unsinter.features.worlds.make import make_world
from unsinter.features.worlds.world import World, cells

__all__ = ["CELLS", "WORLDS", "Knobs", "Verdict", "World", "WorldKind", "cells", "make_world"]
