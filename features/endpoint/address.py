"""Where a server is and the key it gets; messages repeat neither key nor credentials."""

import ipaddress
import os
from urllib.parse import urlsplit

import httpx2


def read_key(variable: str, *, error: type[ValueError]) -> str | None:
    """Return the key that an environment variable holds, None without one.

    Raises
    ------
    error : the key holds a character that no header can carry; the message names the variable alone.
    """
    key = os.environ.get(variable)
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise error(
            f"The key in the environment variable {variable} holds a line end, a blank or a character "
            "outside printable ASCII, which no key has; set it again, without what was copied along."
        )
    return key or None


def bare_address(url: str, *, error: type[ValueError]) -> str:
    """Return the address without credentials or query.

    Raises
    ------
    error : it is no address.
    """
    try:
        parts = httpx2.URL(url)
        urlsplit(url).port  # noqa: B018  # raises for what the library lets through until it connects
    except (httpx2.InvalidURL, ValueError, OverflowError):
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        raise error(
            "The endpoint must start with http:// or https:// and go on with a host, as http://localhost:8000/v1;"
            f" got {len(url)} characters that do not."
        )
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{_host(parts.host)}{port}{parts.path}".rstrip("/")


def check_address(url: str, *, error: type[ValueError]) -> None:
    """Refuse what is no address, and one that holds more than a place: it would be stored with the study.

    Raises
    ------
    error : which of the two; repeats nothing of the address.
    """
    bare_address(url, error=error)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or {"?", "#"} & set(url):
        raise error(
            "The endpoint holds a user name, a password, a query or a fragment; write the address alone, and "
            "name the environment variable that holds the key in key_variable."
        )


def check_key_is_safe(url: str, key: str | None, *, variable: str, error: type[ValueError]) -> None:
    """Refuse to send a key in the clear to another machine; loopback, as a tunnel's end, may have it.

    Raises
    ------
    error : a key goes with a plain http address that is not of this machine; names the variable alone.
    """
    parts = httpx2.URL(url)
    if key and parts.scheme == "http" and not is_loopback(url):
        raise error(
            f"The key in the environment variable {variable} would go to {bare_address(url, error=error)} in "
            "the clear; use an https:// address or a tunnel to this machine (ssh -L), or unset the variable."
        )


def is_loopback(url: str) -> bool:
    """Whether an address is of this very machine."""
    host = httpx2.URL(url).host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
