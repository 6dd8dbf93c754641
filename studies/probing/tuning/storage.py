"""Where trials are kept: a journal file, or any storage Optuna opens by URL."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from unsinter.cache.atomic import make_folder
from unsinter.cache.errors import UnsinterError
from unsinter.cache.location import expand_home
from unsinter.studies.store.journal import JournalError, WholeRecords

JOURNAL = "trials.journal"
_ATTEMPTS = 5
_JOURNALS = ("redis", "rediss", "unix")


class TuningError(UnsinterError, ValueError):
    """Tuning cannot be done as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStore:
    """Where the trials of one target stand, and under which name.

    Attributes
    ----------
    name : what the study in the storage is called, before the digest of all that its trials depend on.
    storage, folder : see ``open_storage``.
    content : what stands for the activations in that digest.
    """

    name: str
    folder: Path
    storage: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def open_storage(url: str | None, folder: Path) -> Iterator[BaseStorage]:
    """Open the storage of a URL; of None, the journal in ``folder``, which is made where it is missing.

    Parameters
    ----------
    url : ``journal:PATH``, ``redis://...`` (a journal there), or a database URL of SQLAlchemy as Optuna takes
        it; ``postgresql://`` is read by the driver of the extra ``postgres``.

    Raises
    ------
    TuningError : no such kind of storage, its driver is not installed, it cannot be opened, or it refuses a
        trial, as a full disk does.
    """
    storage = _journal(folder / JOURNAL) if url is None else _of_url(url)
    try:
        yield storage
    except JournalError as error:
        raise TuningError(str(error)) from error
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = _one_line(error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error)
        raise TuningError(
            f"--storage {_without_secret(url or '')} refused a trial ({reason}); see that it has room and "
            "can be reached, and run again."
        ) from error
    finally:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()


def check_storage_url(url: str) -> None:
    """Raise TuningError for what is no URL of a storage; nothing is opened.

    Raises
    ------
    TuningError : no URL, one of an unknown kind, or of a database that ends with the process.
    """
    kind, colon, rest = url.partition(":")
    if colon and rest and kind in (*_JOURNALS, "journal"):
        return
    try:
        address = make_url(_with_driver(url))
        address.get_dialect()
    except SQLAlchemyError as error:
        raise TuningError(
            "--storage takes a URL as sqlite:///trials.db, postgresql://host/name or journal:PATH, "
            f"got {url[:80]!r}."
        ) from error
    except ImportError:
        return  # a driver that is missing is named where the storage is opened
    if address.get_backend_name() == "sqlite" and not address.database:
        raise TuningError(
            f"--storage {url} is kept in memory only and ends with the run; name a file, as "
            "sqlite:///trials.db."
        )


def _of_url(url: str) -> BaseStorage:
    check_storage_url(url)
    kind, _, rest = url.partition(":")
    if kind == "journal":
        return _journal(expand_home(rest))
    if kind in _JOURNALS:
        return _redis(url)
    return _database(url)


def _journal(path: Path) -> BaseStorage:
    try:
        make_folder(path.parent)
        return JournalStorage(WholeRecords(path))
    except JournalError as error:
        raise TuningError(str(error)) from error
    except (OSError, ValueError, KeyError) as error:
        raise TuningError(
            f"{path} cannot be opened as a journal of trials ({_one_line(error)}); "
            "name another with --storage."
        ) from error


def _redis(url: str) -> BaseStorage:
    from optuna.storages.journal import JournalRedisBackend

    try:
        return JournalStorage(JournalRedisBackend(url))
    except ImportError as error:
        raise TuningError(
            "--storage redis:// needs a driver that is not installed: pip install redis."
        ) from error
    except Exception as error:
        if not type(error).__module__.startswith("redis"):
            raise
        raise TuningError(
            f"--storage {_without_secret(url)} cannot be opened ({_one_line(error)})."
        ) from error


def _database(url: str) -> BaseStorage:
    url = _with_driver(url)
    if url.startswith("sqlite:///~"):
        url = f"sqlite:///{expand_home(url.removeprefix('sqlite:///'))}"
    # Trials of several processes are written one after the other: wait for one's turn rather than fail.
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return RDBStorage(url, engine_kwargs=options)
        except ImportError as error:
            raise TuningError(
                f"--storage {_without_secret(url)} needs a database driver that is not installed "
                f"({_one_line(error)}); for PostgreSQL: pip install 'unsinter[postgres]'."
            ) from error
        except (SQLAlchemyError, ValueError, RuntimeError) as error:
            # Processes that open an empty database at once make its tables twice: all but one are told so.
            if attempt == _ATTEMPTS or not _is_a_race(error):
                raise TuningError(
                    f"--storage {_without_secret(url)} cannot be opened ({_one_line(error)})."
                ) from error
            time.sleep(0.2 * attempt)
    raise AssertionError("unreachable")


def _with_driver(url: str) -> str:
    """Return a URL of PostgreSQL with the driver that the extra installs."""
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    return url


def _is_a_race(error: Exception) -> bool:
    text = str(error).lower()
    return "already exists" in text or "unique constraint" in text or "locked" in text


def _without_secret(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return repr(url.rpartition("@")[2])


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
