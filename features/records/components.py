"""Which places of a list belong together, as pairs of them are joined one after the other."""

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


class Components:
    """Sets of places 0 to n - 1, at first one place each; a set is named by its smallest place."""

    def __init__(self, n: int) -> None:
        self._parents = np.arange(n, dtype=np.int32)
        self.n_sets = n

    def root(self, place: int) -> int:
        """Return the smallest place of the set that holds a place."""
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return int(place)

    def merge(self, one: int, other: int) -> bool:
        """Make the sets of two places one; False where they were."""
        first, last = sorted((self.root(one), self.root(other)))
        if first == last:
            return False
        self._parents[last] = first
        self.n_sets -= 1
        return True

    def roots(self, places: Places) -> Places:
        """Return the name of the set of each place (n,)."""
        names = self._parents[places]
        while True:
            above = self._parents[names]
            if np.array_equal(above, names):
                return names.astype(np.int64)
            names = above
