"""Which names a chat template takes from outside: those that it reads before it has set them itself."""

from jinja2 import meta, nodes

_SCOPED = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.With, nodes.Scope)
"""What is set inside these is not set behind them."""


def names_from_outside(tree: nodes.Template) -> frozenset[str]:
    """Return the names whose value a caller of a template can choose.

    Jinja's own list also holds names that every branch of a condition sets before they are read, as many
    templates do with a system text; whatever a caller gives for those is overwritten.
    """
    read: set[str] = set()
    _walk(tree, set(), read)
    return frozenset(read & meta.find_undeclared_variables(tree))


def _walk(node: nodes.Node, known: set[str], read: set[str]) -> None:
    """Add to ``read`` what is read before it is known, and to ``known`` what is set behind the node."""
    match node:
        case nodes.Name():
            if node.ctx == "load" and node.name not in known:
                read.add(node.name)
            elif node.ctx != "load":
                known.add(node.name)
        case nodes.If():
            ways = [node, *node.elif_]
            for way in ways:
                _walk(way.test, known, read)
            bodies = [*(way.body for way in ways), node.else_]
            branches = [set(known) for _ in bodies]
            for branch, body in zip(branches, bodies, strict=True):
                for part in body:
                    _walk(part, branch, read)
            known |= set.intersection(*branches)
        case nodes.Assign() | nodes.AssignBlock():
            for part in reversed(list(node.iter_child_nodes())):  # what is set comes first
                _walk(part, known, read)
        case nodes.For():
            _walk(node.iter, known, read)
            inside = set(known)
            for part in (node.target, *node.iter_child_nodes(exclude=("iter", "target"))):
                _walk(part, inside, read)
        case _:
            own = set(known) if isinstance(node, _SCOPED) else known
            for part in node.iter_child_nodes():
                _walk(part, own, read)
            if isinstance(node, nodes.Macro):
                known.add(node.name)
