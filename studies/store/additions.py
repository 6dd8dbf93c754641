"""Files that verbs write into a finished run: inside its folder, and noted where its inventory lists them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from unsinter.cache.atomic import file_lock
from unsinter.cache.errors import naming
from unsinter.cache.inventory import INVENTORY, DamagedFileError, FileEntry, Inventory
from unsinter.cache.location import read_regular
from unsinter.studies.store.damage import amiss
from unsinter.studies.store.ownership import sound_inventory
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.study.file import StudyError


def folder_inside(run: Path, name: str) -> Path:
    """Return the folder ``name`` of a run.

    Raises
    ------
    StudyError : a link leads it out of the run.
    """
    folder = run / name
    if not folder.resolve().is_relative_to(run.resolve()):
        raise StudyError(
            f"{folder} is a link to {folder.resolve()}, out of the run's folder; name a folder with --out."
        )
    return folder


_BEGINNING = 400
"""Bytes of a page among which its mark stands."""


def page_place(page: Path, *, mark: str, example: str) -> Path:
    """Return where a verb may write its page: nothing is there, or a page that begins with its mark.

    Raises
    ------
    StudyError : another file or a folder stands there, or the system refuses to look.
    """
    with naming(page, StudyError):
        if page.is_dir():
            raise StudyError(f"{page} is a folder; name a file with --out, as {page / example}.")
        is_there = page.exists() or page.is_symlink()
    if not is_there:
        return page
    try:
        is_ours = mark.encode() in read_regular(page, most=_BEGINNING)
    except OSError:
        is_ours = False
    if not is_ours:
        raise StudyError(f"{page} is there and no page of this command; name another file with --out.")
    return page


def note_rewritten(run: Path, paths: Iterable[Path]) -> None:
    """Put files that were written anew into the run's inventory, those that it lists already.

    Others are not the run's own: whoever deletes one later has not damaged the run.

    Raises
    ------
    StudyError : the inventory was damaged meanwhile.
    """
    names = [path.relative_to(run).as_posix() for path in paths if path.is_relative_to(run)]
    if not names or not (run / INVENTORY).is_file():
        return
    with file_lock(run / f".{INVENTORY}.lock", wait=True):
        try:
            inventory = Inventory.read(run)
        except DamagedFileError as error:
            raise StudyError(f"{error}; run the study again, which writes it anew.") from error
        if inventory is None:
            return
        anew = {name: FileEntry.of(run / name) for name in names if name in inventory.files}
        if any(inventory.files[name] != entry for name, entry in anew.items()):
            replace(inventory, files={**inventory.files, **anew}).write()


def add_to_finished(folder: RunFolder, write: Callable[[], None]) -> None:
    """Let ``write`` put files into a finished run, and seal it again.

    While it writes, the run has no inventory, as an unfinished one: one that is killed here is gone on with.
    One of a version without digests gets none.

    Raises
    ------
    StudyError : a file of the run is not as it was written; nothing is then changed.
    """
    with file_lock(folder.path / f".{INVENTORY}.lock", wait=True):
        inventory = sound_inventory(folder.path)
        if inventory is not None and (wrong := amiss(inventory)):
            name, why = next(iter(wrong.items()))
            raise StudyError(f"{folder.path / name} {why}; run the study again, which makes it anew.")
        with naming(folder.path, StudyError):
            (folder.path / INVENTORY).unlink(missing_ok=True)
        try:
            write()
        except BaseException:
            if inventory is not None and not amiss(inventory):
                inventory.write()  # what was sealed is as it was: the run is as finished as before
            raise
        if inventory is not None:
            folder.seal()
