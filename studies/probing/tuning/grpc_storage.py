"""Trials behind Optuna's gRPC proxy: many machines, one process that talks to the database."""

import re
import warnings
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

SCHEME = "grpc"
_ADDRESS = re.compile(r"grpc://(?P<host>[^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})/?")
_SECONDS = 10.0
"""How long a server may take to answer at first."""


def grpc_address(url: str) -> tuple[str, int] | None:
    """Return host and port of ``grpc://host:port``; None for what is none."""
    match = _ADDRESS.fullmatch(url)
    if match is None or not 0 < int(match["port"]) < 2**16:
        return None
    return match["host"], int(match["port"])


def open_grpc(url: str, *, seconds: float = _SECONDS) -> BaseStorage:
    """Return the storage that a proxy at ``grpc://host:port`` serves.

    Raises
    ------
    ImportError : grpcio is not installed.
    ConnectionError : no proxy answers there within some seconds.
    """
    import grpc  # noqa: F401  # Optuna names it only when its storage is first used
    from optuna.storages import GrpcStorageProxy

    address = grpc_address(url)
    assert address is not None  # checked where the URL was read
    with warnings.catch_warnings():
        # Optuna may still change its interface; whoever runs a study can do nothing about that.
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = GrpcStorageProxy(host=address[0], port=address[1])
    try:
        proxy.wait_server_ready(timeout=seconds)
    except ConnectionError:
        proxy.close()
        raise
    return proxy


def grpc_failure(error: BaseException) -> str | None:
    """Return what a call to a proxy failed with, in one line; None for other errors."""
    if type(error).__module__.partition(".")[0] != "grpc":
        return None
    code: Any = getattr(error, "code", None)
    name = code().name.replace("_", " ").lower() if callable(code) and code() is not None else "no answer"
    return str(name)
