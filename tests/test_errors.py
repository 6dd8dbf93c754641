"""Every named error of ours has one root, is a builtin error as well, and stands on the page of errors."""

import importlib
import pkgutil
import re

import pytest
import typer

from unsinter.cache.errors import UnsinterError
from unsinter.studies.cli.terminal import one_line_errors

SIGNALS = {"_StopForwardError"}
"""Raised and caught by one module, to end a forward pass early: nobody else ever sees it."""


def all_subclasses(parent):
    for child in parent.__subclasses__():
        yield child
        yield from all_subclasses(child)


@pytest.fixture(scope="module")
def our_errors():
    """Every exception class that a module of ours defines."""
    for root in ("cache", "probes", "features", "studies"):
        package = importlib.import_module(f"unsinter.{root}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    ours = {error for error in all_subclasses(BaseException) if error.__module__.startswith("unsinter.")}
    return {error for error in ours if error.__name__ not in SIGNALS}


def test_every_error_of_ours_has_the_root_and_a_builtin_that_says_its_kind(our_errors):
    assert len(our_errors) > 30
    for error in our_errors - {UnsinterError}:
        assert issubclass(error, UnsinterError), error
        # RuntimeError: what no handler of bad values or of bad files may take for one.
        assert issubclass(error, ValueError | OSError | RuntimeError), error


def test_the_page_of_errors_has_each_with_its_kind_place_and_meaning_and_something_to_do(
    our_errors, repository
):
    page = (repository / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \| (.+?) \| (.+) \|$", page, flags=re.MULTILINE)
    table = {(name, kind, where, meaning) for name, kind, where, meaning, _ in rows}
    assert table == {
        (error.__name__, error.__bases__[-1].__name__, error.__module__,
         " ".join((error.__doc__ or "").split("\n\n")[0].split()))
        for error in our_errors
    }  # fmt: skip
    assert all(len(advice.split()) > 2 for *_, advice in rows)


@pytest.mark.parametrize("package", ["cache", "probes", "features", "studies"])
def test_each_package_exports_the_root(package):
    assert importlib.import_module(f"unsinter.{package}").UnsinterError is UnsinterError


class OursError(UnsinterError, KeyError):
    """An error of ours whose builtin is one that no other of ours has."""


def test_the_command_line_shows_any_error_with_the_root_in_one_line(capsys):
    @one_line_errors
    def verb() -> None:
        raise OursError("no such thing;\nname another")

    with pytest.raises(typer.Exit) as ended:
        verb()
    assert ended.value.exit_code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "name another" in lines[0]


@pytest.mark.parametrize("fault", [ValueError("ours"), TypeError("ours"), ZeroDivisionError()])
def test_a_fault_of_ours_keeps_its_traceback(fault):
    @one_line_errors
    def verb() -> None:
        raise fault

    with pytest.raises(type(fault)):
        verb()
