"""The digest of a model's weights, noted beside the cache: who starts next reads the note, not every weight.

A note names the files by size, times and inode, and all that decides how they become weights. Where anything
differs it is not used, and where it was damaged it is made anew: a note saves time and changes no digest.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import UnsinterError, one_line
from unsinter.cache.json_text import read_json
from unsinter.cache.key import digest
from unsinter.cache.location import local_root
from unsinter.cache.places.remote import RemotePath

logger = logging.getLogger(__name__)

FOLDER = "weights"
"""Folder of the notes in that of the cache."""

_FORMAT = 1
_LONGEST_NOTE = 10_000_000
_SETTLED_SECONDS = 2.0
"""Age from which a file's time tells: a file system may give two changes within less the same one."""

_PACKAGES = ("torch", "transformers", "accelerate", "bitsandbytes", "peft")
"""What makes weights of files; another version may make others."""


def file_stamps(folder: Path) -> list[list[Any]]:
    """Return name, size, both times and inode of every file of a folder, links followed, also to folders."""
    stamps, seen = [], set()
    for where, folders, files in os.walk(folder, followlinks=True):
        about = Path(where).stat()
        if (about.st_dev, about.st_ino) in seen:  # a link to where it stands
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        for path in sorted(Path(where, file) for file in files):
            if path.is_file():
                about = path.stat()
                name = path.relative_to(folder).as_posix()
                stamps.append([name, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino])
    return sorted(stamps)


def noted_digest(
    root: Path | None,
    stamps: Callable[[], Mapping[str, Any] | None],
    before: Mapping[str, Any] | None,
    compute: Callable[[], str],
) -> str:
    """Return a digest from its note in the cache at ``root``; else compute it, and note it.

    Parameters
    ----------
    stamps : what the files are now, and how they become weights.
    before : the same as it was before the weights were read; None where the files are not known.
    """
    if root is None or before is None or stamps() != before:
        return compute()
    about = {"format": _FORMAT, "versions": _versions(), **before}
    # Inodes and times are of this machine: a store of objects, which others share, is no place for them.
    path = (local_root() if isinstance(root, RemotePath) else root) / FOLDER / f"{digest(about)[:32]}.json"
    if (noted := _read(path, about)) is not None:
        return noted
    made = compute()
    if _is_settled(before) and stamps() == before:
        _write(path, about, made)
    return made


def _read(path: Path, about: Mapping[str, Any]) -> str | None:
    """Return the digest of a note; None where there is none, and, with a warning, where it is damaged."""
    try:
        note = read_json(path, most_bytes=_LONGEST_NOTE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s: this note of a digest cannot be used (%s); made anew", path, one_line(error))
        return None
    if not _is_whole(note) or note["about"] != about:
        logger.warning("%s: this note of a digest is damaged; the weights are digested anew", path)
        return None
    return str(note["weights"])


def _is_whole(note: Any) -> bool:
    """Whether a note holds what is written into one, under its own seal."""
    if not isinstance(note, dict) or set(note) != {"about", "weights", "seal"}:
        return False
    try:
        return bool(digest({"about": note["about"], "weights": note["weights"]}) == note["seal"])
    except UnsinterError:  # numbers that no note holds
        return False


def _write(path: Path, about: Mapping[str, Any], weights: str) -> None:
    note: dict[str, Any] = {"about": about, "weights": weights}
    text = json.dumps(note | {"seal": digest(note)}, indent=1, sort_keys=True)
    try:
        make_folder(path.parent)
        sweep(path)
        write_atomically(path, [text.encode()])
    except (OSError, UnsinterError) as error:  # a cache that may only be read: nothing but time is lost
        logger.info("%s: the digest of the weights was not noted (%s)", path, one_line(error))


def _is_settled(about: Mapping[str, Any]) -> bool:
    """Whether no file changed so lately that a further change might not show in its times."""
    times = [stamp[place] for stamps in about["files"].values() for stamp in stamps for place in (2, 3)]
    return time.time() - max(times, default=0) / 1e9 > _SETTLED_SECONDS


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
