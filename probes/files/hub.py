"""Probes on the Hugging Face Hub: what an address names, its files fetched, and failures in words.

Nothing of what the client library says is repeated in a message: a header that it quotes may hold a token.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from unsinter.probes.files.exported import ProbeFileError

PREFIX = "hub:"
WEIGHTS = "probe.safetensors"
CARD = "probe.json"
FETCHED, PUSHED = "fetched", "pushed"

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"(?!.*(?:\.\.|/\.|//|/$))[A-Za-z0-9][\w./-]{0,199}")
"""As Git names branches and tags: no part of it leads out of a folder."""

_COMMIT = re.compile("[0-9a-f]{40}")
_SHOWN = 120
_BAD_LOGIN = "Invalid credentials in Authorization header"


class HubError(ProbeFileError):
    """A probe cannot be fetched from the Hub or be put there: one sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """A repository of the Hub and one of its revisions; ``revision`` is None for the newest."""

    repo: str
    revision: str | None = None

    @classmethod
    def of(cls, text: str) -> "HubAddress":
        """Return the address in ``owner/name`` or ``owner/name@revision``, with ``hub:`` before it or not.

        Raises
        ------
        HubError : it is no such name.
        """
        name, at, revision = text.removeprefix(PREFIX).partition("@")
        is_name = _NAME.fullmatch(name) is not None and not re.search(r"\.\.|--|\.git$", name)
        if not is_name or (at and _REVISION.fullmatch(revision) is None):
            raise HubError(
                f"{text[:_SHOWN]!r} names no repository of the Hub; write hub:owner/name, or "
                "hub:owner/name@revision for one branch, tag or commit."
            )
        return cls(repo=name, revision=revision or None)

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"


def is_address(path: Path | str) -> bool:
    """Whether a path is an address of the Hub."""
    return _text(path).startswith(PREFIX)


def fetch_probe(path: Path | str) -> Path:
    """Return the weights file of the probe at ``hub:owner/name``, its card beside it, in the local hub cache.

    Two files are fetched, weights and card, both of one commit, and no other file of the repository. Where
    ``HF_HUB_OFFLINE`` is set nothing is asked of the network and the cache alone is read; where it is not, a
    Hub that does not answer is an error, for what the cache holds may be an older probe.

    Raises
    ------
    HubError : a bad name, no network, no such repository, no right to read it, or no probe in it.
    """
    from huggingface_hub import hf_hub_download

    address = HubAddress.of(_text(path))
    with in_words(address, FETCHED):
        newest = _newest(address)
        # By its name and not its commit, so that the cache notes which commit that name stands for.
        card = Path(hf_hub_download(address.repo, CARD, revision=address.revision))
        if newest not in (None, card.parent.name):
            raise HubError(f"{address} changed while it was fetched; load it again.")
        # The folder of a snapshot is called after its commit: a push in between must not mix two probes.
        return Path(hf_hub_download(address.repo, WEIGHTS, revision=card.parent.name))


def _newest(address: HubAddress) -> str | None:
    """Return the commit that the Hub itself names; None where it is not asked."""
    from huggingface_hub import HfApi

    if _is_offline() or _COMMIT.fullmatch(address.revision or ""):
        return None
    return HfApi().model_info(address.repo, revision=address.revision).sha


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


@contextmanager
def in_words(address: HubAddress, what: str) -> Iterator[None]:
    """Turn whatever the client of the Hub raises in the block into one sentence of ours.

    Raises
    ------
    HubError : without a cause, whose text is the client's.
    """
    try:
        yield
    except ProbeFileError:
        raise
    except Exception as error:  # the client, its transport and the file system raise every kind
        raise HubError(f"{address} cannot be {what}: {_sentence(error, address, what)}") from None


def _sentence(error: Exception, address: HubAddress, what: str) -> str:
    from huggingface_hub import errors

    status = _status(error)
    if isinstance(error, errors.OfflineModeIsEnabled) or _is_offline():
        return "HF_HUB_OFFLINE is set and the local hub cache does not hold it; unset it, or name a folder."
    if isinstance(error, errors.GatedRepoError):
        return "it is gated; ask for access on its page, and log in with `hf auth login`."
    if isinstance(error, errors.DisabledRepoError):
        return "the Hub has disabled it."
    if isinstance(error, errors.RevisionNotFoundError | errors.RevisionResolutionError):
        return f"it has no revision {address.revision or 'main'!r}; leave out @, or name one that it lists."
    if is_missing(error):
        no_such = "lets this login write no" if what == PUSHED else "shows this login no"
        return f"{_host()} {no_such} such repository; see to its name, or log in with `hf auth login`."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"it holds no probe ({WEIGHTS} with {CARD}); name a repository that `push_probe` wrote."
    if status in (409, 412):
        return "another push to it came in between; look at what it holds now, and push again."
    if status in (401, 403):
        return f"{_host()} refuses this login ({status}); log in anew with `hf auth login`, or ask its owner."
    if status is not None:
        return f"{_host()} answers with status {status}; try again later."
    if isinstance(error, OSError) and error.errno in _DISK:
        return f"a file cannot be read or written here ({os.strerror(error.errno or 0)}); see to the disk."
    return (
        f"{_host()} cannot be reached or gives no usable answer ({type(error).__name__}); see to the "
        "network, or set HF_HUB_OFFLINE=1 to read what the local hub cache holds."
    )


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}


def is_missing(error: Exception) -> bool:
    """Whether the Hub says that there is no such repository, or none for this login, which it tells alike."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return False
    if isinstance(error, errors.RepositoryNotFoundError):
        return True
    message = getattr(getattr(error, "response", None), "headers", {}).get("X-Error-Message")
    return _status(error) == 401 and message != _BAD_LOGIN


def _status(error: BaseException | None) -> int | None:
    """Return the status that an error, or what led to it, carries."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None


def _host() -> str:
    """Return the Hub's host without a password that its address may hold."""
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).hostname or "the Hub"


def _text(path: Path | str) -> str:
    return path.as_posix() if isinstance(path, Path) else path
