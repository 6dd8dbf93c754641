"""Both spaces in which fits are solved, forced one by one."""

import pytest

from unsinter.probes.logistic import routes


@pytest.fixture(params=["rows", "weights"])
def space(request, monkeypatch):
    """Every fit of the test is solved in this space, whichever is the cheaper one."""
    monkeypatch.setattr(routes, "pays", lambda *_, **__: request.param == "rows")
    return request.param


@pytest.fixture
def rows_only(monkeypatch):
    monkeypatch.setattr(routes, "pays", lambda *_, **__: True)
