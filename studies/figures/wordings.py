"""How refusals are worded, category by category."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from unsinter.studies.figures.style import MUTED, PAPER, drawing, panel, shorten

LEGIBLE_SHARE = 9.0
"""Per cent from which a bar has room for its number."""


def wording_bars(groups: Mapping[str, Mapping[str, int]], palette: Mapping[str, str]) -> Figure:
    """Draw one bar per category: the share of each wording among its refusals, with the number of groups.

    Parameters
    ----------
    groups : category -> wording -> independent groups.
    palette : wording -> colour; its order is the order along each bar.
    """
    with drawing():
        figure, axis = panel(0.44 * len(groups) + 0.6)
        for place, (category, counts) in enumerate(groups.items()):
            y, total, start = -float(place), sum(counts.values()), 0.0
            axis.annotate(shorten(category, 36), (0, y + 0.22), ha="left", va="bottom")
            axis.annotate(f"{total} groups", (100, y + 0.22), ha="right", color=MUTED, va="bottom")
            for wording, colour in palette.items():
                share = 100 * counts.get(wording, 0) / total if total else 0.0
                axis.barh(y, share, left=start, height=0.4, color=colour, edgecolor=PAPER, linewidth=0.8)
                if share >= LEGIBLE_SHARE:
                    axis.text(
                        start + share / 2, y - 0.02, f"{share:.0f}", color=PAPER, ha="center", va="center"
                    )
                start += share
        axis.set(xlim=(0, 100), ylim=(0.6 - len(groups), 0.75), yticks=[])
        axis.set_xlabel("share of refusals, %")
        axis.grid(visible=False, axis="y")
        axis.spines["left"].set_visible(False)
    return figure
