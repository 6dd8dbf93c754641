"""Rows that a server and a model answer."""

import pytest

from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import demo_prompts


@pytest.fixture(scope="module")
def rows(planted):
    """Ten demo prompts as the shipped model reads them; a module may have rows of its own."""
    prompts = demo_prompts(pairs=6, wrapped=2, wrapped_twins=2, over_refused=2)[:10]
    return render([(p["id"], p["prompt"]) for p in prompts], planted)
