"""Old path of `unsinter.studies.figures.layers`, kept for code written before 0.2."""

from unsinter.studies.figures.layers import best_floor, draw_layers, layer_curves, layer_panel, save_figure

__all__ = ["best_floor", "draw_layers", "layer_curves", "layer_panel", "save_figure"]
