"""One bucket, through obstore: bytes by key, keys given once, and errors as sentences."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unsinter.cache.bucket.errors import (
    BucketError,
    bucket_error,
    code_of,
    endpoint_url,
    is_on_this_machine,
    is_refusal,
    no_store,
    unconditional,
)
from unsinter.cache.places.remote import Chunks, Listing, Status

if TYPE_CHECKING:
    from obstore.store import S3Store

_OPTIONS: dict[str, Any] = {"timeout": timedelta(minutes=5), "connect_timeout": timedelta(seconds=10)}
_RETRIES: dict[str, Any] = {"max_retries": 6, "retry_timeout": timedelta(minutes=1)}

_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
_CONDITIONAL: set[str] = set()
"""Buckets of which this process has seen that their store keeps to conditions."""

_STARTED: list[int] = []
"""The process in which the library's threads run, once they do."""


def status(bucket: str, key: str) -> Status | None:
    """Return what a key stands for; None where it stands for nothing."""
    import obstore

    with _in_words(bucket, key):
        try:
            return _status_of(obstore.head(_client(bucket), key))
        except FileNotFoundError:
            return None
        except obstore.exceptions.BaseError as error:
            if is_refusal(error):
                # The answer to such a question has no body, which would say why: ask one that has.
                obstore.list_with_delimiter(_client(bucket), _folder(key.rpartition("/")[0]))
            raise


def listing(bucket: str, key: str) -> Listing:
    """Return the objects and the folders right below a key, by their names there."""
    import obstore

    with _in_words(bucket, key):
        page = obstore.list_with_delimiter(_client(bucket), _folder(key))
    objects = {meta["path"].rpartition("/")[2]: _status_of(meta) for meta in page["objects"]}
    return Listing(objects, [path.rpartition("/")[2] for path in page["common_prefixes"]])


def fetch(bucket: str, key: str, start: int, stop: int | None) -> tuple[memoryview, Status]:
    """Return the bytes of a key from start to stop, and of which version they are.

    Raises
    ------
    FileNotFoundError : the key stands for nothing.
    """
    import obstore

    options: Any = {}
    if start or stop is not None:
        options = {"range": {"offset": start} if stop is None else (start, stop)}
    with _in_words(bucket, key):
        try:
            result = obstore.get(_client(bucket), key, options=options)
        except obstore.exceptions.BaseError as error:
            seen = status(bucket, key) if code_of(error) == "InvalidRange" else None
            if seen is None:
                raise
            return memoryview(b""), seen  # it ends before this range
        return memoryview(result.bytes()), _status_of(result.meta)


def put(bucket: str, key: str, chunks: Chunks, *, instead: Status | None, always: bool) -> Status | None:
    """Let a key stand for these bytes; None, and nothing done, where it stands for others than expected."""
    import obstore

    mode: Any = "overwrite" if always else "create" if instead is None else {"e_tag": instead.version}
    parts = [memoryview(chunk).cast("B") for chunk in chunks]
    with _in_words(bucket, key):
        if not always and bucket not in _CONDITIONAL:
            _check_conditions(bucket, key)
        try:
            # In one piece: only then can the store decide which of two writers was first.
            done = obstore.put(_client(bucket), key, parts, mode=mode, use_multipart=False)
        except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
            return None
    return Status(sum(part.nbytes for part in parts), str(done["e_tag"]))


def _check_conditions(bucket: str, key: str) -> None:
    """Raise BucketError where a store puts what was put again, though no condition for that is met.

    Some stores leave conditions that they do not know out in silence: of two writers none would lose, and
    rows of one would be listed no more. A small object of a name of its own is put beside key, put again on
    both conditions, and removed. The first put has none: where its answer is lost, the library puts it again.
    """
    import obstore

    probe = f"{key.rpartition('/')[0]}/.conditions.{secrets.token_hex(8)}.tmp".lstrip("/")
    modes: tuple[Any, ...] = ("create", {"e_tag": '"00000000000000000000000000000000"'})
    obstore.put(_client(bucket), probe, b"", mode="overwrite", use_multipart=False)
    try:
        for mode in modes:
            try:
                obstore.put(_client(bucket), probe, b"", mode=mode, use_multipart=False)
            except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
                continue
            raise unconditional(f"s3://{bucket}")
    finally:
        obstore.delete(_client(bucket), probe)
    _CONDITIONAL.add(bucket)


def remove(bucket: str, key: str) -> None:
    """Let a key stand for nothing."""
    import obstore

    with _in_words(bucket, key):
        try:
            obstore.delete(_client(bucket), key)
        except FileNotFoundError:
            return


def move(bucket: str, key: str, target: str) -> None:
    """Let another key stand for what a key stands for, and that for nothing."""
    import obstore

    with _in_words(bucket, key):
        obstore.copy(_client(bucket), key, target)
        obstore.delete(_client(bucket), key)


@contextmanager
def _in_words(bucket: str, key: str) -> Iterator[None]:
    """Put what the library raises into one sentence; that nothing is there stays as it is."""
    import obstore

    place = f"s3://{bucket}/{key}".rstrip("/")
    try:
        yield
    except FileNotFoundError as error:  # which the library raises, with all that the store said
        if code_of(error) == "NoSuchBucket":
            raise bucket_error(error, f"s3://{bucket}") from None
        raise FileNotFoundError(2, "there is no such object", place) from None
    except obstore.exceptions.BaseError as error:
        _open_client.cache_clear()  # the next call reads the credentials anew
        # Without its cause, whose words repeat what the store said: names of keys among it.
        raise bucket_error(error, place) from None


def _client(bucket: str) -> "S3Store":
    process = os.getpid()
    if _STARTED and _STARTED[0] != process:
        raise BucketError(
            f"s3://{bucket}: this process is a fork of one that used the store already, which its library "
            "does not survive; start processes with the method spawn or forkserver."
        )
    _STARTED[:] = [process]
    return _open_client(bucket)


@cache
def _open_client(bucket: str) -> "S3Store":
    from obstore.store import S3Store

    options = dict(_OPTIONS)
    endpoint = endpoint_url()
    try:
        # The library would end with a panic, which no handler of errors sees.
        if endpoint is not None and not (_ADDRESS.fullmatch(endpoint) and urlsplit(endpoint).port != 0):
            raise ValueError("address")
        # Plain http is for this machine alone; elsewhere the library asks for AWS_ALLOW_HTTP.
        if endpoint is not None and endpoint.startswith("http:") and is_on_this_machine():
            options["allow_http"] = True
        store = S3Store(bucket, client_options=options, retry_config=_RETRIES)  # type: ignore[arg-type]
    except ValueError:
        raise BucketError(
            f"s3://{bucket}: AWS_ENDPOINT_URL is no address of a store; write it as https://host:port."
        ) from None
    _check_speaks(store, bucket)
    return store


def _check_speaks(store: "S3Store", bucket: str) -> None:
    """Raise BucketError where there is an object of a name that nobody ever gave.

    What answers everything with a page, as the console of a store or a login of the network does, would
    be read as a bucket without objects, and a cache in it as sound.
    """
    import obstore

    refusals = obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError
    try:
        obstore.get(store, f".never.{secrets.token_hex(8)}.tmp")
    except (FileNotFoundError, *refusals):
        return  # a store, that has no such object or shows it to others only; the question itself comes next
    raise no_store(f"s3://{bucket}")


def _status_of(meta: Any) -> Status:
    version = meta["e_tag"] or meta["last_modified"].isoformat()
    return Status(meta["size"], version)


def _folder(key: str) -> str | None:
    return key or None
