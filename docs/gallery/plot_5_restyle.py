"""
Restyle a figure
================

What a method returns are matplotlib axes: change titles, limits, colours and size, and save them in any format.
"""

from unsinter.studies import Run

run = Run.open("runs/example")
axes = run.plot_layers(model="planted-cue")
first = axes[0]
first.set_title("Harm, layer by layer")
first.set_ylim(0.5, 1.02)
for line in first.get_lines():
    line.set_color("black")
first.figure.set_size_inches(9, 3)
first.figure.suptitle("A title of your own", y=1.05)
