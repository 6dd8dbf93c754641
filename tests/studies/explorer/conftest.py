"""Planted runs to explore, and their pages."""

import pytest
from explored_run import write_explored_run

from unsinter.studies.cli.commands.view import view_verb

HOSTILE = '</script><script>alert(1)</script><!-- & "quotes" \u2028 \u202e $x$ 危害'


@pytest.fixture(scope="session")
def explored_run(tmp_path_factory, verdicts):
    """Two models, seven layers, two positions, 80 held-out prompts; some names are hostile."""
    ids = [f"p-{place:04d}" for place in range(79)] + [HOSTILE]
    ids[4] = HOSTILE + "4"
    return write_explored_run(
        tmp_path_factory.mktemp("explored") / "run",
        ids=ids,
        categories=("fraud", HOSTILE, "weapons and explosives"),
        study=HOSTILE,
        tables={"verdicts": verdicts},
    )


@pytest.fixture(scope="session")
def explorer_page(explored_run, tmp_path_factory):
    """Written once for all tests that read it."""
    page = tmp_path_factory.mktemp("page") / "explorer.html"
    return view_verb(explored_run, out=page)
