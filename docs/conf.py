"""How Sphinx builds the pages: `make docs`, with warnings as errors."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx_gallery.sorting import FileNameSortKey

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

from colab import colab_links  # noqa: E402 - beside this file, not installed
from gallery_axes import scrape_axes  # noqa: E402 - beside this file, not installed

# Whatever the pages run is offline, quiet, on one thread, and in a cache of its own.
os.environ.setdefault("UNSINTER_CACHE", str(HERE.parent / "build" / "docs-cache"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Said on import where a notebook has no widgets, with a path of this machine.
os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")

project = "unsinter"
copyright = "the unsinter contributors, Apache-2.0"
version = release = version_of("unsinter")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "public_names",
    "whole_terms",
    "example_run",
]
GALLERIES = {"gallery": "auto_gallery", "reproductions": "auto_reproductions"}
"""Folder of scripts -> folder of their pages."""

exclude_patterns = [
    *GALLERIES,
    *(f"{folder}/*.{ending}" for folder in GALLERIES.values() for ending in ("ipynb", "py")),
    "sg_execution_times.rst",
    "_ext",
]
suppress_warnings = ["config.cache"]  # the sort key of the gallery is a class, which is not pickled

html_theme = "furo"
html_title = f"unsinter {release}"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]

myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_substitutions = {
    "in_colab": colab_links(
        sorted(path.stem for path in (HERE / "notebooks").glob("*.ipynb")),
        repository=os.environ.get("GITHUB_REPOSITORY", ""),  # both are set by the hosted check
        commit=os.environ.get("GITHUB_SHA", ""),
    )
}
myst_heading_anchors = 3

nb_execution_mode = "cache"  # a notebook that did not change is not run again
nb_execution_cache_path = str(HERE.parent / "build" / "docs-notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature stands in the heading; docstrings give shapes and units
autodoc_preserve_defaults = True
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": list(GALLERIES),
    "gallery_dirs": list(GALLERIES.values()),
    "filename_pattern": r"plot_",
    # What pages import stands beside them. Some releases match the file's name, others its path.
    "ignore_pattern": r"(?:^|/)(?!plot_)[^/]*\.py$",
    "image_scrapers": ("matplotlib", scrape_axes),
    "within_subsection_order": FileNameSortKey,
    "show_memory": False,
    "download_all_examples": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
}
