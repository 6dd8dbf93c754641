"""What is done about a run's damaged files: they are named, moved aside and made anew."""

import logging
from contextlib import suppress
from pathlib import Path

from unsinter.cache.atomic import make_folder, move_into
from unsinter.cache.inventory import INVENTORY, MISSING, DamagedFileError, Inventory

logger = logging.getLogger(__name__)

DAMAGED = "damaged"
"""The folder in a run where damaged files are kept, in the place they had."""

STEPS, RESPONSES = "steps", "responses"
GROWING = ("log.jsonl", "responses/", "tuning/")
"""Files that later runs add lines to."""

_SPARE = (*GROWING, f"{STEPS}/")
"""What only a further run needs: a finished one is none the worse where its user removed it."""


def set_aside(run: Path, name: str, why: str) -> None:
    """Move a damaged file or folder of a run to `damaged/N/`, where it can be looked at, and say so."""
    number = 1
    while (place := run / DAMAGED / str(number) / name).exists():
        number += 1
    make_folder(place.parent)
    # Another process may have moved it already.
    with suppress(FileNotFoundError):
        move_into(run / name, place)
    logger.warning("%s %s; it is made anew (the damaged one: %s).", run / name, why, place)


def amiss(inventory: Inventory) -> dict[str, str]:
    """Return every file that a finished run should have and has not as it was written, with the reason."""
    refusals = inventory.refusals()
    return {n: why for n, why in refusals.items() if why != MISSING or not n.startswith(_SPARE)}


def mend_run(run: Path) -> Inventory | None:
    """Move whatever is not as it was written aside; return the inventory, None where none can be read.

    A damaged step goes as a whole folder. Files of responses stay: their rows carry digests of their own, so
    that a damaged row costs no other.
    """
    try:
        inventory = Inventory.read(run)
    except DamagedFileError as error:
        set_aside(run, INVENTORY, str(error).removeprefix(f"{error.path} "))
        return None
    if inventory is None:
        return None
    parts: dict[str, str] = {}
    for name, why in amiss(inventory).items():
        top, _, below = name.partition("/")
        if top == STEPS and "/" in below:
            step, _, file = below.partition("/")
            parts.setdefault(f"{STEPS}/{step}", f"is damaged ({file} {why})")
        elif top != RESPONSES:
            parts[name] = why
    for name, why in parts.items():
        if (run / name).exists():
            set_aside(run, name, why)
        else:
            logger.warning("%s is missing; it is made anew.", run / name)
    return inventory
