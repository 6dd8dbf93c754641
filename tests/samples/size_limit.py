"""A limit on the size of files, as a full quota or `ulimit -f` sets it."""

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CODE = (
    "import resource, sys; sys.dont_write_bytecode = True; "
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
)
"""The same as source for a process of its own, with the bytes filled in."""


def limit_file_size(n_bytes: int) -> None:
    """Let no file of this process grow beyond some bytes.

    Bytecode is not written any more: Python cuts it at the limit without a word, and every later process that
    imports the module would end.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))


@contextmanager
def file_size_limited(n_bytes: int) -> Iterator[None]:
    """Limit the size of files for the block."""
    earlier, handler = sys.dont_write_bytecode, signal.getsignal(signal.SIGXFSZ)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        limit_file_size(n_bytes)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        sys.dont_write_bytecode = earlier
