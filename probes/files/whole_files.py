"""Several files that belong together: all of them new, or all of them as they were."""

import glob
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from unsinter.probes.files.exported import ProbeFileError


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write every file beside its place, flush all of them, and only then move them into place.

    A full disk is met while the temporary files are written, so files of an earlier export stay as they
    were. Between two renames a kill can leave new beside old files, which their digests then refuse. The
    folders are flushed too, so that names outlive a power cut. Temporary files of killed processes that would
    have become one of these are removed.

    Raises
    ------
    ProbeFileError : a file cannot be written; the temporary ones are gone by then.
    """
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    parts = {path: path.with_name(f".{path.name}.{owner}.tmp") for path in files}
    path = next(iter(files))
    try:
        for path, data in files.items():
            _make_folder(path.parent)
            _sweep(path)
            with parts[path].open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
        for folder in {path.parent for path in files}:
            _flush_names(folder)
    except OSError as error:
        reason = " ".join(str(error).split())
        raise ProbeFileError(f"{path} cannot be written ({reason}); make room and export again.") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none; each new name is flushed."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush_names(folder.parent)


def _sweep(path: Path) -> None:
    """Remove the temporary files of ended processes of this machine that would have become path."""
    for leftover in path.parent.glob(glob.escape(f".{path.name}.{_host()}-") + "*-*.tmp"):
        process = leftover.name.rsplit("-", 2)[1]
        # Another process may sweep the same leftover, and one that stays behind is harmless.
        with suppress(OSError):
            if process.isdecimal() and _has_ended(int(process)):
                leftover.unlink()


def _has_ended(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _host() -> str:
    return socket.gethostname().replace(".", "_")


def _flush_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
