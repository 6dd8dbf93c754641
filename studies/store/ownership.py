"""Whose run a folder holds."""

from pathlib import Path
from typing import Any

import yaml

from unsinter.cache.inventory import DamagedFileError, Inventory
from unsinter.studies.study.file import StudyError


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
    """Return an earlier run's study; StudyError where it is none."""
    try:
        table = yaml.safe_load(study_file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        table = None
    if not isinstance(table, dict):
        raise StudyError(f"{study_file} is no study file, so this is no run; name another folder with --out.")
    return table
