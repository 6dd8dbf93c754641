"""
Score by layer, beside its floors
=================================

A row per model, an axis per target. The line is the held-out score with its 95 % band; dashed is the best score of the
text or of another label alone, dotted a control. The ring marks the layer that the training rows chose.
"""

from unsinter.studies import Run

run = Run.open("runs/example")
axes = run.plot_layers()

# %%
# The numbers behind it:

chosen = run.results[run.results["selected"]]
print(
    chosen[["model", "target", "layer", "score", "floor", "floor_name", "gain_low", "gain_high"]]
    .round(3)
    .to_string(index=False)
)
