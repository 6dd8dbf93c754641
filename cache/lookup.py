"""The store of a key that is known from elsewhere, such as a run that filled it."""

from pathlib import Path

from unsinter.cache.errors import CacheError, unreadable
from unsinter.cache.json_text import JsonTextError, read_json
from unsinter.cache.key import check_row_keys, identity_key
from unsinter.cache.location import cache_root
from unsinter.cache.store import ActivationStore

_MOST_BYTES = 1 << 20
_AGAIN = "move it away and run the study again, which writes it anew"


def find_store(root: Path, key: str) -> ActivationStore | None:
    """Return the store whose `ActivationStore.key` is this; None where the cache has no folder of it.

    Raises
    ------
    CacheError : no key, or the folder's identity.json cannot be read or is that of another folder.
    """
    check_row_keys([key])  # it becomes part of a path
    file = cache_root(root) / key / "identity.json"
    try:
        identity = read_json(file, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(error, file) from error
    except JsonTextError as error:
        raise CacheError(f"{file} {error}; {_AGAIN}.") from error
    if not isinstance(identity, dict) or identity_key(identity) != key:
        raise CacheError(
            f"{file} does not hold the identity that its folder is named after; {_AGAIN}: no row is lost."
        )
    return ActivationStore.open(root, identity)
