"""Which library a node has: others may give other numbers, so that work for them is refused."""

import platform
import socket
from collections.abc import Callable
from importlib import metadata

from unsinter.studies.workers.errors import WorkersError


def library_version() -> str:
    """Return the version of this library, as installed here."""
    return metadata.version("unsinter")


def library_and_python() -> str:
    """Return both versions in words."""
    return f"unsinter {library_version()} on Python {platform.python_version()}"


def refuse_other_version(version: str) -> None:
    """Raise WorkersError where this node has another version than the process that sends the work."""
    if (own := library_version()) != version:
        raise WorkersError(other_version(socket.gethostname(), f"unsinter {own}", f"unsinter {version}"))


def other_version(node: str, theirs: str, ours: str) -> str:
    """Return what is said of a node with another version."""
    return (
        f"node {node} of the cluster has {theirs}, this process has {ours}; install the same on every node: "
        "other versions may give other numbers."
    )


def described_by_value() -> Callable[[], str]:
    """Return a function that says both versions of a node, also of one without this library."""

    def described() -> str:
        import platform
        from importlib import metadata

        try:
            library = f"unsinter {metadata.version('unsinter')}"
        except metadata.PackageNotFoundError:
            library = "no unsinter"
        return f"{library} on Python {platform.python_version()}"

    return described
