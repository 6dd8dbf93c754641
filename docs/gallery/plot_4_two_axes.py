"""
Detection against refusal
=========================

Each point is a held-out prompt: how harmful the probe of D finds it, and how much the probe of R expects a refusal. If
both were one quantity, points would lie on one line. The two cells where the labels disagree show it.
"""

import matplotlib.pyplot as plt

from unsinter.studies import Run

run = Run.open("runs/example")
scores = run.table("predictions").query("model == 'planted-cue' and layer == 6")
wide = scores.pivot_table(index="id", columns="target", values="score", aggfunc="first").dropna(
    subset=["D", "R"]
)
truth = scores.pivot_table(index="id", columns="target", values="truth", aggfunc="first").loc[wide.index]

figure, axis = plt.subplots(figsize=(4.5, 4))
for (harm, refusal), cell in truth.groupby(["D", "R"]):
    axis.scatter(wide.loc[cell.index, "D"], wide.loc[cell.index, "R"], s=14, label=f"{harm}, {refusal}")
axis.set(xlabel="score of the probe of D (nats)", ylabel="score of the probe of R (nats)")
axis.legend(frameon=False)
figure.tight_layout()
