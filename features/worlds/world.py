"""A world of activations whose answer is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.kinds import Codes, Verdict, WorldKind
from unsinter.features.worlds.knobs import CELLS, Knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Activations, labels, and what is true of them.

    Attributes
    ----------
    name, kind : which of WORLDS it is.
    X : (n, d) float32 activations.
    z, w : (n,) 0 or 1, the two factors as observed, label noise included.
    groups : (n,) what is said to belong together; rows of one group follow each other but in ``duplicates``.
    strata : (n,) name of each row's category.
    text : (n, n_words) float32, 1 where a word occurs.
    settings : every knob, with what was left open filled in.
    u_z, u_w : (d,) unit vectors the factors are planted along. That of a factor the kind does not code
        carries nothing; in ``lexical`` they are the images of the leaking words.
    true_z, true_w : (n,) the factors before label noise.
    families : (n,) what truly belongs together: ``groups``, but in ``duplicates`` the original.
    positions : (n,) 1 where the row is read at the other position, with other axes than u_z and u_w; else 0.
    massive : (2,) indices of the coordinates of huge activations, or (0,).
    """

    name: str
    kind: WorldKind
    X: NDArray[np.float32]
    z: Codes
    w: Codes
    groups: Codes
    strata: NDArray[np.str_]
    text: NDArray[np.float32]
    settings: Knobs
    u_z: NDArray[np.float32]
    u_w: NDArray[np.float32]
    true_z: Codes
    true_w: Codes
    families: Codes
    positions: Codes
    massive: NDArray[np.intp]

    @property
    def truth(self) -> Verdict:
        """The right verdict; ``undetermined`` where none is right."""
        return self.kind.truth

    @property
    def tolerated(self) -> frozenset[Verdict]:
        """Verdicts that are not false calls here, beside ``undetermined``."""
        return self.kind.tolerated

    @property
    def wrong(self) -> frozenset[Verdict]:
        """Verdicts that are false calls here."""
        return self.kind.wrong


def cells(world: World) -> dict[str, int]:
    """Return how many independent groups each of CELLS has, by observed labels.

    With label noise the rows of one group may lie in several cells; it then counts in each.
    """
    cell = 3 - 2 * world.z - world.w
    return {name: len(np.unique(world.groups[cell == place])) for place, name in enumerate(CELLS)}
