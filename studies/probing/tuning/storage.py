"""Where trials are kept: a journal file, or any storage Optuna opens by URL."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from unsinter.cache.atomic import make_folder
from unsinter.cache.errors import UnsinterError, one_line
from unsinter.cache.location import expand_home
from unsinter.cache.places.network_mounts import network_mount
from unsinter.studies.probing.tuning.grpc_storage import SCHEME, grpc_address, grpc_failure, open_grpc
from unsinter.studies.probing.tuning.places import JOURNAL, shown_url, with_driver, with_home
from unsinter.studies.store.journal import JournalError, WholeRecords

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
    url : ``journal:PATH``, ``redis://...`` (a journal there), ``grpc://host:port`` (Optuna's proxy), or a
        database URL of SQLAlchemy as Optuna takes it; ``postgresql://`` is read by the driver of the extra
        ``postgres``.

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
        reason = one_line(error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error)
        raise TuningError(
            f"--storage {shown_url(url or '')} refused a trial ({reason}); see that it has room and "
            "can be reached, and run again."
        ) from error
    except Exception as error:
        if (failure := grpc_failure(error)) is None:
            raise
        raise TuningError(
            f"--storage {shown_url(url or '')} stopped answering ({failure}); see that its proxy "
            "runs and can reach its database, and run again: finished trials are kept."
        ) from error
    finally:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()
        elif url is not None and grpc_address(url):
            storage.close()  # type: ignore[attr-defined]  # which only proxies have


def check_storage_url(url: str) -> None:
    """Raise TuningError for what is no URL of a storage; nothing is opened.

    Raises
    ------
    TuningError : no URL, one of an unknown kind, of a database that ends with the process, or of a file on
        another host's storage, where its locks do not hold.
    """
    kind, colon, rest = url.partition(":")
    if colon and rest and kind in (*_JOURNALS, "journal"):
        if kind == "journal":
            _refuse_network_mount(url, expand_home(rest))
        else:
            _check_redis(url)
        return
    if kind == SCHEME:
        if grpc_address(url) is None:
            raise TuningError(f"--storage takes a proxy as grpc://host:port, got {shown_url(url)[:80]!r}.")
        return
    try:
        address = make_url(with_driver(url))
        address.get_dialect()
    except SQLAlchemyError as error:
        raise TuningError(
            "--storage takes a URL as sqlite:///trials.db, postgresql://host/name, grpc://host:port or "
            f"journal:PATH, got {shown_url(url)[:80]!r}."
        ) from error
    except ValueError:  # its words repeat what stands where the port should be
        raise _bad_port(url) from None
    except ImportError:
        return  # a driver that is missing is named where the storage is opened
    if "@" in (address.host or ""):  # the end of a password, which drivers repeat as a host they do not know
        raise TuningError(f"--storage {shown_url(url)}: write the @ of its password as %40.")
    if address.get_backend_name() == "sqlite" and _is_memory(address):
        raise TuningError(
            f"--storage {shown_url(url)} is kept in memory only and ends with the run; name a file, as "
            "sqlite:///trials.db."
        )
    if address.get_backend_name() == "sqlite" and not expand_home(str(address.database)).parent.is_dir():
        raise TuningError(
            f"--storage {shown_url(url)}: there is no folder "
            f"{expand_home(str(address.database)).parent}; make it, or name another file."
        )
    if address.get_backend_name() == "sqlite":
        _refuse_network_mount(url, expand_home(str(address.database)))


def _is_memory(address: URL) -> bool:
    """Say whether a URL of SQLite names no file: the database ends with the process."""
    name = address.database or ""
    return (
        name in {"", ":memory:"} or name.startswith("file::memory:") or address.query.get("mode") == "memory"
    )


def _refuse_network_mount(url: str, path: Path) -> None:
    mount = network_mount(path)
    if mount is not None:
        raise TuningError(
            f"--storage {shown_url(url)} lies on a network mount ({mount[1]} at {mount[0]}), where "
            "locks of files do not hold and trials would be lost; name a file on a local disk, or "
            "postgresql://host/name or grpc://host:port for several machines."
        )


def _check_redis(url: str) -> None:
    try:
        urlsplit(url).port  # noqa: B018  # raises for what is no port, as the driver would
    except ValueError:
        raise _bad_port(url) from None


def _bad_port(url: str) -> TuningError:
    return TuningError(
        f"--storage {shown_url(url)}: what stands after the host is no port; write a number, as "
        "postgresql://host:5432/name, and a sign such as @ : / in a password as its %-code."
    )


def _of_url(url: str) -> BaseStorage:
    check_storage_url(url)
    kind, _, rest = url.partition(":")
    if kind == "journal":
        return _journal(expand_home(rest))
    if kind in _JOURNALS:
        return _redis(url)
    return _proxy(url) if kind == SCHEME else _database(url)


def _journal(path: Path) -> BaseStorage:
    try:
        make_folder(path.parent)
        return JournalStorage(WholeRecords(path))
    except JournalError as error:
        raise TuningError(str(error)) from error
    except (OSError, ValueError, KeyError) as error:
        raise TuningError(
            f"{path} cannot be opened as a journal of trials ({one_line(error)}); "
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
        if not type(error).__module__.startswith("redis") and not isinstance(error, ValueError):
            raise
        raise TuningError(f"--storage {shown_url(url)} cannot be opened ({one_line(error)}).") from error


def _proxy(url: str) -> BaseStorage:
    try:
        return open_grpc(url)
    except ImportError as error:
        raise TuningError(
            f"--storage {shown_url(url)} needs grpcio, which is not installed: pip install '.[grpc]' in "
            "unsinter's repository."
        ) from error
    except ConnectionError as error:
        raise TuningError(
            f"--storage {shown_url(url)}: no proxy answers there; start one with "
            "optuna.storages.run_grpc_proxy_server, or name another storage."
        ) from error


def _database(url: str) -> BaseStorage:
    url = with_home(with_driver(url))
    # Trials of several processes are written one after the other: wait for one's turn rather than fail.
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return RDBStorage(url, engine_kwargs=options)
        except ImportError as error:
            raise TuningError(
                f"--storage {shown_url(url)} needs a database driver that is not installed "
                f"({one_line(error)}); for PostgreSQL: pip install '.[postgres]' in unsinter's repository."
            ) from error
        except (SQLAlchemyError, ValueError, RuntimeError) as error:
            # Processes that open an empty database at once make its tables twice: all but one are told so.
            if attempt == _ATTEMPTS or not _is_a_race(error):
                raise TuningError(
                    f"--storage {shown_url(url)} cannot be opened ({one_line(error)})."
                ) from error
            time.sleep(0.2 * attempt)
    raise AssertionError("unreachable")


def _is_a_race(error: Exception) -> bool:
    text = str(error).lower()
    return "already exists" in text or "unique constraint" in text or "locked" in text
