"""What answers at an address, by its first bytes: behind a wrong port there mostly is something else."""

import socket
from contextlib import suppress

_MOST = 64


def first_word(host: str, port: int, greeting: bytes = b"", *, seconds: float) -> bytes:
    """Return the first bytes that a server says, after a greeting of ours; none where it says nothing.

    Raises
    ------
    OSError, OverflowError : nobody listens there.
    """
    connection = socket.create_connection((host, port), timeout=seconds)
    with connection, suppress(OSError):  # nothing in time, or it hung up: nothing was said
        connection.sendall(greeting)
        return connection.recv(_MOST)
    return b""
