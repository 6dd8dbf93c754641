"""How many independent groups a study needs: the defaults of its two settings, each with its meaning."""

MIN_GROUPS = 30
"""``min_groups`` of a study: groups that a class, a category, a source or a counted cell needs to be studied.
With 30 against 30 the null of an AUROC is still .15 wide on either side."""

MIN_CELL_GROUPS = 10
"""``separation.min_groups``: groups in each of the four cells of a pair at one site. Error rates of the
verdict are known from here on; what a verdict needs beyond that follows from its bands."""


def inherited_cell_groups(min_groups: int) -> int:
    """Return what ``separation.min_groups`` is where only the study's own ``min_groups`` is written."""
    return max(MIN_CELL_GROUPS, min_groups)
