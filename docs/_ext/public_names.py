"""The directive `public-names`: every public name of a package, with signature and docstring."""

import importlib
import inspect

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PACKAGES = (
    "unsinter.cache",
    "unsinter.probes",
    "unsinter.features",
    "unsinter.features.extract",
    "unsinter.studies",
)
"""A name that several export is described where the first of these does."""

OF_ESTIMATORS = "set_fit_request, set_score_request, get_metadata_routing, get_params, set_params"
"""Methods that scikit-learn adds to each of its estimators; they are described there."""


def public_names(package: str) -> dict[str, object]:
    """Return what a package exports and no earlier one does: classes first, errors last."""
    earlier = {id(thing) for name in PACKAGES[: PACKAGES.index(package)] for thing in _exports(name).values()}
    own = {name: thing for name, thing in _exports(package).items() if id(thing) not in earlier}
    return dict(sorted(own.items(), key=lambda item: (_rank(item[1]), item[0].lower())))


def lines_of(package: str) -> list[str]:
    """Return the directives that describe the public names of a package."""
    lines = []
    for name, thing in public_names(package).items():
        is_class = inspect.isclass(thing)
        lines += [f".. {'autoclass' if is_class else 'autofunction'}:: {package}.{name}"]
        if is_class and not issubclass(thing, BaseException):
            lines += ["   :members:", f"   :exclude-members: {OF_ESTIMATORS}"]
        lines += [""]
    return lines


def _exports(package: str) -> dict[str, object]:
    module = importlib.import_module(package)
    return {name: getattr(module, name) for name in module.__all__}


def _rank(thing: object) -> int:
    if not inspect.isclass(thing):
        return 1
    return 2 if issubclass(thing, BaseException) else 0


class PublicNames(SphinxDirective):
    """``.. public-names:: unsinter.probes`` stands for all that the package exports."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Return the nodes of the directives that `lines_of` makes."""
        return self.parse_text_to_nodes("\n".join(lines_of(self.arguments[0])))


def keep_bars(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Show ``(1 | n_classes, d)`` and ``|w|`` of a docstring as they stand: bars there are no markup."""
    for number, line in enumerate(lines):
        parts = line.split("``")  # every second part is a literal
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[number] = "``".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known to Sphinx."""
    for (
        package
    ) in PACKAGES:  # before autodoc imports under other rules, which models of pydantic do not survive
        _exports(package)
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", keep_bars)
    return {"parallel_read_safe": True}
