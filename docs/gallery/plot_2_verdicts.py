"""
Verdicts, layer by position
===========================

One cell per layer and position. A mark says the verdict, so that it reads without colour; the chosen site is outlined.
"""

from unsinter.studies import Run

run = Run.open("runs/example")
axes = run.plot_verdicts(model="planted-cue")

# %%
# Why a cell says what it says:

for row in run.verdicts.query("model == 'planted-cue'").drop_duplicates("layer").itertuples():
    print(f"layer {row.layer}: {row.verdict}: {row.reason}")
