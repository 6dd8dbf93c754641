"""
Transfer between categories
===========================

A probe of harm is trained on one category (row) and tested on another (column); beside it the same for the words of
the prompts. Off the diagonal the words lose most.
"""

from unsinter.studies import Run

run = Run.open("runs/example")
axes = run.plot_transfer(model="planted-cue", kind="category")
