"""A world of activations whose answer is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.kinds import Verdict, WorldKind
from unsinter.features.worlds.knobs import CELLS, Knobs, each

SMALL_PHI = 0.2
"""Correlation of labels up to which errors in one of them cannot pass for the other factor."""


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
    hidden : (n_hidden, d) axes of what stands behind the labels.
    quantity : (n,) the graded quantity that both labels follow, or None.
    texts : n texts in the kinds that speak of them, or None.
    covariates : name to (n,) names: what is declared of what stands behind the labels.
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
    hidden: NDArray[np.float32]
    quantity: NDArray[np.float64] | None
    texts: tuple[str, ...] | None
    covariates: Mapping[str, NDArray[np.str_]]

    @property
    def z_sure(self) -> tuple[float, float] | None:
        """Probability that an observed 0, and an observed 1, of z is the truth; None where nobody knows."""
        return self._sure(self.settings.rate_first, 0)

    @property
    def w_sure(self) -> tuple[float, float] | None:
        """Probability that an observed 0, and an observed 1, of w is the truth; None where nobody knows."""
        assert self.settings.rate_second is not None
        return self._sure(self.settings.rate_second, 1)

    def _sure(self, rate: float, place: int) -> tuple[float, float] | None:
        if not self.kind.rates_known:
            return None
        error = each(self.settings.label_noise)[place]
        zero, one = (1 - rate) * (1 - error), rate * (1 - error)
        return zero / (zero + rate * error), one / (one + (1 - rate) * error)

    @property
    def known_text(self) -> tuple[str, ...] | NDArray[np.float32] | None:
        """What a study of this world has of its texts: them, the words that occur, or nothing."""
        if self.kind.text == "hidden":
            return None
        return self.text if self.texts is None else self.texts

    @property
    def right(self) -> frozenset[Verdict]:
        """The truth, and ``not-apart`` beside "one factor only" where unknown errors may feign that.

        If labels correlate and nobody knows how often they err, an unread factor cannot be told from one
        whose label errs.
        """
        phi = float(np.corrcoef(self.z, self.w)[0, 1])
        is_open = not self.kind.rates_known and abs(phi) > SMALL_PHI
        is_one = self.kind.truth in ("first-only", "second-only")
        return frozenset({self.kind.truth}) | ({"not-apart"} if is_one and is_open else frozenset())

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
