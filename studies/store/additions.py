"""Files that verbs write into a finished run: inside its folder, and noted where its inventory lists them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from unsinter.cache.atomic import file_lock
from unsinter.cache.inventory import INVENTORY, DamagedFileError, Entry, Inventory
from unsinter.studies.study.file import StudyError


def folder_inside(run: Path, name: str) -> Path:
    """Return the folder ``name`` of a run; StudyError where a link leads it out of the run."""
    folder = run / name
    if not folder.resolve().is_relative_to(run.resolve()):
        raise StudyError(
            f"{folder} is a link to {folder.resolve()}, out of the run's folder; name a folder with --out."
        )
    return folder


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
        anew = {name: Entry.of(run / name) for name in names if name in inventory.files}
        if any(inventory.files[name] != entry for name, entry in anew.items()):
            replace(inventory, files={**inventory.files, **anew}).write()
