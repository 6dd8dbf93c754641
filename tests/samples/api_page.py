"""Writes the page of public names from the packages' stubs and the source of what they name.

``python tests/samples/api_page.py`` writes docs/api.md anew.
"""

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("cache", "probes", "features", "features/extract", "studies")
HEAD = """# Public names

What `from unsinter.<package> import <name>` gives, with its signature and what it is; shapes, units and
errors are in the docstrings. Everything else may move without notice. This page is written by
`python tests/samples/api_page.py`; a test compares it with the code.
"""


@dataclass(frozen=True)
class Name:
    """A public name: its node, and the module that holds it."""

    name: str
    node: ast.stmt
    summary: str


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def public_names(package):
    """Return the module file of each name that the stub of a package re-exports, in the order of names."""
    stub = parsed(REPOSITORY / package / "__init__.pyi")
    names = {}
    for node in stub.body:
        assert isinstance(node, ast.ImportFrom)
        base = REPOSITORY / package / node.module.replace(".", "/")
        module = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        names |= {alias.name: module for alias in node.names}
    return dict(sorted(names.items(), key=lambda item: item[0].lower()))


def definition(module, name):
    """Return the statement that defines a name, followed through modules that re-export it."""
    for node in parsed(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            parts = node.module.removeprefix("unsinter.").replace(".", "/")
            return definition((REPOSITORY / parts).with_suffix(".py"), name)
    raise LookupError(f"{module} defines no {name}")


def first_paragraph(node):
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    return " ".join(text.split("\n\n")[0].split())


def arguments(node, *, bound):
    """Return the arguments of a function as they are written, without ``self``."""
    wanted = node.args
    if bound and wanted.args:
        wanted = ast.arguments(**{**vars(wanted), "args": wanted.args[1:]})
    return ast.unparse(wanted)


def returned(node):
    return f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""


def decorators(node):
    return {ast.unparse(part).partition("(")[0] for part in node.decorator_list}


def fields_of(node):
    """Return the fields of a dataclass, named tuple or model as arguments are written."""
    fields = []
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and "ClassVar" not in ast.unparse(part.annotation):
            default = "" if part.value is None else f" = {ast.unparse(part.value)}"
            if default.startswith((" = field(", " = Field(")):
                default = "" if "default" not in default else " = ..."
            name = ast.unparse(part.target)
            if not name.startswith("_"):
                fields.append(f"{name}: {ast.unparse(part.annotation)}{default}")
    return ", ".join(fields)


def class_signature(node):
    bases = [ast.unparse(base) for base in node.bases]
    made = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    if node.name.endswith("Error"):
        return f"{node.name}({', '.join(bases)})"
    if made:
        return f"{node.name}({arguments(made[0], bound=True)})"
    fields = fields_of(node)
    if "NamedTuple" in bases:
        return f"{node.name}({fields})"
    return f"{node.name}(*, {fields})" if fields else node.name


def members(node):
    """Yield a line per public method and property of a class."""
    for part in node.body:
        if not isinstance(part, ast.FunctionDef) or part.name.startswith("_"):
            continue
        marks = decorators(part)
        if "property" in marks:
            signature = f".{part.name}{returned(part).replace(' -> ', ': ')}"
        elif any("validator" in mark for mark in marks):
            continue
        else:
            signature = f".{part.name}({arguments(part, bound='staticmethod' not in marks)}){returned(part)}"
        yield f"  - `{signature}`: {first_paragraph(part)}"


def entry(module, name):
    node = definition(module, name)
    if isinstance(node, ast.ClassDef):
        return [f"- `{class_signature(node)}`: {first_paragraph(node)}", *members(node)]
    return [f"- `{name}({arguments(node, bound=False)}){returned(node)}`: {first_paragraph(node)}"]


def page():
    """Return the text of the page."""
    lines = [HEAD]
    for package in PACKAGES:
        names = public_names(package)
        about = first_paragraph(parsed(REPOSITORY / package / "__init__.py"))
        lines += [f"## `unsinter.{package.replace('/', '.')}`", "", about, ""]
        for name, module in names.items():
            lines += entry(module, name)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (REPOSITORY / "docs" / "api.md").write_text(page(), encoding="utf-8")
