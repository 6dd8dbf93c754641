"""Keys of a bucket as paths, ``s3://bucket/prefix/name``."""

import re
from importlib.util import find_spec

from unsinter.cache.bucket import client
from unsinter.cache.bucket.errors import BucketError
from unsinter.cache.places.remote import Chunks, Listing, RemotePath, Status

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PART = re.compile(r"[A-Za-z0-9._=+@-]+")


class S3Path(RemotePath):
    """A key of a bucket.

    Raises
    ------
    BucketError : from any method that asks the store: it refused, or cannot be reached.
    """

    __slots__ = ()

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """The key within the bucket."""
        return "/".join(self.parts[2:])

    def status(self) -> Status | None:
        """Return size and ETag; None where there is no such object."""
        return client.status(self.bucket, self.key) if self.key else None

    def listing(self) -> Listing:
        """Return what lies right below this key."""
        return client.listing(self.bucket, self.key)

    def fetch(self, start: int = 0, stop: int | None = None) -> tuple[memoryview, Status]:
        """Return bytes from start on, in one request for that range."""
        return client.fetch(self.bucket, self.key, start, stop)

    def put(self, chunks: Chunks, *, instead: Status | None = None, always: bool = False) -> Status | None:
        """Put an object, unless always on the condition that the key is free or still what it was."""
        return client.put(self.bucket, self.key, chunks, instead=instead, always=always)

    def remove(self) -> None:
        """Delete the object."""
        client.remove(self.bucket, self.key)

    def move(self, target: RemotePath) -> None:
        """Copy the object within its bucket, then delete it."""
        assert isinstance(target, S3Path)
        client.move(self.bucket, self.key, target.key)


def root_path(rest: str) -> S3Path:
    """Return the path of ``bucket/prefix``.

    Raises
    ------
    BucketError : no bucket or prefix can be called so, or obstore is not installed.
    """
    name, *prefix = [part for part in rest.split("/") if part] if rest.strip("/") else [""]
    is_plain = all(_PART.fullmatch(part) and part not in {".", ".."} for part in prefix)
    if not _BUCKET.fullmatch(name) or not is_plain:
        shown = (
            f"s3://{rest.rpartition('@')[2] if '@' in name or ':' in name else rest}"  # keys may stand before
        )
        raise BucketError(
            f"{shown[:120]!r} is no place of a cache; write s3://bucket/prefix, of letters, digits "
            "and any of . _ = + @ - in the prefix."
        )
    if find_spec("obstore") is None:
        raise BucketError(
            f"s3://{rest}: what reads such stores is not installed; run: pip install '.[s3]' in unsinter's "
            "repository."
        )
    return S3Path("s3:", name, *prefix)
