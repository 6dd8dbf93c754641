"""Where the cache lives when nobody says otherwise."""

import os
from pathlib import Path

import platformdirs


def default_root() -> Path:
    """Return the folder of the cache: the environment's UNSINTER_CACHE, else the user's own cache folder."""
    chosen = os.environ.get("UNSINTER_CACHE")
    return expand_home(chosen) if chosen else Path(platformdirs.user_cache_dir("unsinter"))


def expand_home(path: str | Path) -> Path:
    """Return the path with a leading ``~`` or ``~user`` as that home folder; unknown users stay."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Tell a folder; a name that no file can have, too long or with a zero character, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
