"""Where the trials of a run are, and what shows them; needs no library of tuning."""

import re
import shlex
from pathlib import Path

from unsinter.cache.location import expand_home

TUNING_FOLDER = "tuning"
JOURNAL = "trials.journal"

_SQLITE = "sqlite:///"
_NAMED = re.compile(r"(?P<user>[\w.-]+):.")
_WRONG_PORT = re.compile(r"^(?P<host>[^/:\[\]]*):(?!\d*(?:/|$))[^/]*")


def storage_line(url: str | None, folder: Path) -> str:
    """Return where the trials of a run are, and the command that shows them, without a password.

    Parameters
    ----------
    url : of the storage that the run was told; None: the journal in its ``folder``.
    """
    if url is None:
        place = str(folder / TUNING_FOLDER / JOURNAL)
    elif url.startswith("grpc:"):
        return f"{shown_url(url)}; optuna-dashboard shows the database behind this proxy"
    elif url.startswith("journal:"):
        place = str(expand_home(url.removeprefix("journal:")))
    else:
        place = shown_url(with_home(with_driver(url)))
    return f"{place}; look at them with: optuna-dashboard {shlex.quote(place)}"


def with_driver(url: str) -> str:
    """Return a URL of PostgreSQL with the driver that the extra installs."""
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    return url


def with_home(url: str) -> str:
    """Return a URL of SQLite with ``~`` as the home folder, as neither SQLAlchemy nor a shell writes it."""
    return f"{_SQLITE}{expand_home(url.removeprefix(_SQLITE))}" if url.startswith(f"{_SQLITE}~") else url


def shown_url(url: str) -> str:
    """Return a URL that can be shown: its password is ``***``, its query is left out.

    It is cut as text, for a URL that is wrong is shown too, and in every place where a password may hold a
    sign that should have been escaped. Of one whose parts cannot be told apart the kind alone is left.
    """
    kind, slashes, rest = url.partition("://")
    if not slashes:
        return url if url.startswith("journal:") else _without_login(re.split(r"[?#;]", url)[0])
    if kind.startswith("sqlite") and rest.startswith("/"):
        return f"{kind}://{rest.partition('?')[0]}"  # a path, which may hold any other sign
    place, *others = re.split(r"[?#;]", rest)
    # A sign of a password, or one of a query behind a login: no telling which.
    is_clear = not any("@" in part for part in others)
    return f"{kind}://{_without_login(place) if is_clear else '***'}"


def _without_login(place: str) -> str:
    """Return ``user:password@host:port/name`` with neither a password nor what stands in place of a port."""
    login, at, host = place.rpartition("@")
    user = _NAMED.match(login)
    shown = f"{user['user']}:***@" if user else "***@"
    return (shown if at else "") + _WRONG_PORT.sub(r"\g<host>:***", host, count=1)
