"""Whose run a folder holds."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from unsinter.cache.atomic import file_lock
from unsinter.cache.errors import CacheError, cannot_write
from unsinter.cache.inventory import DamagedFileError, Inventory
from unsinter.cache.location import read_regular
from unsinter.studies.store.earlier import LOCK
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.unique_keys import LONGEST_RESOLVED, load_yaml


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which the system lets go of when its process is killed.

    Raises
    ------
    StudyError : the system refuses.
    """
    with ExitStack() as locks:
        try:
            locks.enter_context(file_lock(run / LOCK, wait=True))
        except CacheError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            raise StudyError(cannot_write(run / LOCK, error.__cause__)) from error
        yield


def holds_study(run: Path, text: str) -> bool:
    """Whether the study of a run's folder is this text."""
    try:
        return read_regular(run / "study.yaml") == text.encode()
    except OSError:
        return False


def owner_of(path: Path) -> object | None:
    """Return the name of the study whose run a folder holds; None where it holds none."""
    if (inventory := sound_inventory(path)) is not None and "study" in inventory.about:
        return inventory.about["study"]
    earlier = path / "study.yaml"
    return study_in(earlier).get("name") if earlier.is_file() else None


def sound_inventory(folder: Path) -> Inventory | None:
    """Return the inventory of a folder; None where it has none that can be read."""
    try:
        return Inventory.read(folder)
    except DamagedFileError:
        return None


def study_in(study_file: Path) -> dict[str, Any]:
    """Return an earlier run's study.

    Raises
    ------
    StudyError : it is none.
    """
    try:
        text = read_regular(study_file, most=4 * LONGEST_RESOLVED).decode()
        table = load_yaml(text, longest=LONGEST_RESOLVED)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        table = None
    if not isinstance(table, dict):
        raise StudyError(f"{study_file} is no study file, so this is no run; name another folder with --out.")
    return table
