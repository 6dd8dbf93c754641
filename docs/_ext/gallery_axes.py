"""Figures for the gallery: those of the axes that our methods return, which pyplot does not know."""

from typing import Any

from sphinx_gallery.scrapers import figure_rst


def scrape_axes(block: object, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figure of what a script calls ``axes``, once, and return its place on the page."""
    names = block_vars["example_globals"]
    axes = names.get("axes")
    if not axes or names.get("shown_axes") is axes:
        return ""
    names["shown_axes"] = axes
    path = next(block_vars["image_path_iterator"])
    axes[0].figure.savefig(path, dpi=130, bbox_inches="tight")
    return figure_rst([path], gallery_conf["src_dir"])
