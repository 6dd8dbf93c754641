"""Files of a run that a study or a command names by themselves."""

from pathlib import Path

from unsinter.cache.inventory import DamagedFileError, check_listed


def check_run_file(path: Path, *, error: type[ValueError]) -> None:
    """Compare a file that is named by itself with the inventory of the run that wrote it, if one did.

    Raises
    ------
    error : it is not what the run wrote.
    """
    try:
        check_listed(path)
    except DamagedFileError as fault:
        raise error(
            f"{fault}; run the study of that folder again, which makes it anew, or copy the file elsewhere "
            "if it was changed on purpose."
        ) from fault
