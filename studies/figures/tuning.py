"""What each trial of a tuning study reached inside the training rows."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unsinter.studies.figures.style import INK, MUTED, SERIES, drawing, panel


def tuning_history(trials: pd.DataFrame) -> Figure:
    """Draw value by trial number; complete dots, pruned crosses, failed bars, and the best so far."""
    with drawing():
        figure, axis = panel(2.0)
        complete = trials[trials["state"] == "complete"].sort_values("number")
        pruned = trials[(trials["state"] == "pruned") & trials["value"].notna()]
        failed = trials[trials["state"] == "failed"]
        best = complete["value"].cummax()
        axis.step(complete["number"], best, where="post", color=INK, linewidth=1, label="best so far")
        axis.plot(
            complete["number"], complete["value"], "o", color=SERIES[0], markersize=3.5, label="complete"
        )
        axis.plot(pruned["number"], pruned["value"], "x", color=SERIES[1], markersize=4.5, label="pruned")
        axis.plot(
            failed["number"], [0.03] * len(failed), "|", color=MUTED, markersize=9, label="failed",
            transform=axis.get_xaxis_transform(),
        )  # fmt: skip
        axis.set(xlabel="trial", ylabel="inner score")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
