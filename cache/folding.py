"""Folding: entries of single shards put together in `index.bin`, now and then and after every fill."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from unsinter.cache.atomic import is_temporary, move_into, sweep, temporaries
from unsinter.cache.entries import Entries, IndexFile, encode_earlier
from unsinter.cache.errors import CacheError, refused
from unsinter.cache.index import Index
from unsinter.cache.location import cache_root
from unsinter.cache.manifest import Folder, Statuses
from unsinter.cache.places.locks import lock_files, remove_lock

_SUFFIX = ".safetensors"

_ATTEMPTS = 3
"""Times that the index is written: once, but where the locks of a file system do not hold."""

_FEWEST_FOLDED = 256
"""Entries that are folded at once, at least: every reader then reads the whole index again."""


def folders(root: Path) -> list[Folder]:
    """Return the folders of all model identities under root, sorted by key."""
    inside = sorted(root.iterdir()) if root.is_dir() else []
    return [Folder(path) for path in inside if len(path.name) == 64 and path.is_dir()]


def free_name(path: Path) -> Path:
    """Return the path, or the first with a number behind it that no file has."""
    target, number = path, 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{number}")
    return target


def fold(folder: Folder, *, without: Collection[str] = (), migrate: bool = False) -> None:
    """Write all that is listed, but for the shards ``without``, into `index.bin`; with the lock held.

    With migrate, what a manifest.json of format 1 lists goes there too.

    Raises
    ------
    CacheError : as `Folder.load`, or the operating system refused the write.
    """
    is_written = False
    for _ in range(_ATTEMPTS):
        index = folder.load()
        number = index.next  # before the entries are looked at, to which another thread may add
        struck = set(without) & index.earlier.keys()
        kept = {
            name: entry
            for name, entry in index.items()
            if name not in without and (migrate or name not in index.earlier)
        }
        file = IndexFile(
            entries=kept,
            next=max([number, *(ignored + 1 for ignored in folder.ignored)]),
            has_earlier=not migrate and folder.manifest.exists(),
        )
        is_written = write_index(folder, file, seen=folder.seen)
        if is_written:
            if not migrate:
                folder.keep(kept, number=file.next)
            break
    if struck:
        earlier = {name: entry for name, entry in index.earlier.items() if name not in struck}
        folder.write(folder.manifest, encode_earlier(earlier, folder.path.name))
    if (migrate and not is_written) or (without and set(without) & folder.load().keys()):
        raise _changed_though_locked(folder)


def _changed_though_locked(folder: Folder) -> CacheError:
    return CacheError(
        f"{folder.index}: another process changes the index at the same time, though it is locked; the "
        "locks of this file system do not hold: end all other runs and try again."
    )


def write_index(folder: Folder, file: IndexFile, *, seen: Statuses | None = None) -> bool:
    """Write `index.bin` and remove the entries that it stands for; returns what `Folder.write` does.

    Raises
    ------
    CacheError : the operating system refused the write.
    """
    if not folder.write(folder.index, file.encoded(folder.path.name), seen=seen):
        return False
    for number in folder.entry_numbers():
        if number < file.next and number not in folder.ignored:
            folder.entry(number).unlink(missing_ok=True)
    return True


def write_anew(folder: Folder, sound: Entries) -> None:
    """Write a lost or damaged index from entries of sound shards; with the lock held. Errors as `fold`."""
    index = Index()
    for number, (name, entry) in enumerate(sorted(sound.items())):
        # Two shards may share a row only where files were copied by hand; the first in order is listed.
        if len(index.rows_not_held(entry.plan)) == entry.n_rows:
            index.add(number, name, entry)
    number = max([len(index), *(number + 1 for number in folder.entry_numbers())])
    if not write_index(folder, IndexFile(entries=index, next=number)):
        raise _changed_though_locked(folder)


def migrate(root: Path) -> tuple[Path, ...]:
    """Write the index of every folder under root in the present format; return where earlier ones are now.

    Nothing is deleted: a manifest.json of format 1 gets another name, and no shard is touched.

    Raises
    ------
    CacheError : an index is damaged, or the operating system refused.
    """
    moved = []
    for folder in folders(cache_root(root)):
        if not folder.manifest.exists():
            continue
        try:
            with folder.locked():
                fold(folder, migrate=True)
                moved.append(free_name(folder.migrated))
                move_into(folder.manifest, moved[-1])
        except OSError as error:
            raise refused(error, folder.path) from error
    return tuple(moved)


def fold_if_due(folder: Folder) -> None:
    """Fold the index where there are many entries beside it and nobody else is folding.

    The more is folded, the rarer: an index of a million rows is written as often per row as a small one.
    """
    index = folder.load()
    if len(index.loose) < max(_FEWEST_FOLDED, len(index) // 8):
        return
    # It saves time and keeps nothing: a disk too full for it says so where a shard is written.
    with suppress(ValueError, OSError), folder.locked(wait=False) as is_held:
        if is_held:
            fold(folder)


def tidy(folder: Folder) -> None:
    """Fold the index and remove the leftovers of finished shards: claims on them, unfinished copies of them.

    A finished shard is never written again, so a claim on it that another process still holds protects
    nothing.
    """
    locks = lock_files(folder.locks)
    unfinished = [file for file in folder.hidden_files() if is_temporary(file)]
    is_tidy = len(locks) < 2 and not unfinished and not any(folder.entries.glob("*"))
    if is_tidy and not any(temporaries(folder.index)):
        return
    # A folder that became read-only keeps its leftovers; they are harmless, and the activations are complete.
    with suppress(ValueError, OSError), folder.locked():
        if folder.entry_numbers():
            fold(folder)
        index = folder.load()
        sweep(folder.index)
        for file in folder.entries.glob(".*"):  # of what is listed: others may be at work in this process
            stem = file.name[1:].partition(".")[0]
            if f"{stem}{_SUFFIX}" in index or (stem.isdecimal() and int(stem) < index.folded):
                sweep(folder.entries / f"{stem}.entry")
        for file in unfinished:
            if (name := f"{file.name[1:].partition(_SUFFIX)[0]}{_SUFFIX}") in index:
                sweep(folder.shards / name)
        for lock in locks:
            if lock.name.removesuffix(".lock") in index:
                remove_lock(lock)
