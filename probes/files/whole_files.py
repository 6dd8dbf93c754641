"""Several files that belong together: all of them new, or all of them as they were."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from unsinter.cache.atomic import flush_folder, make_folder, sweep, write_beside
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
    parts: dict[Path, Path] = {}
    path = next(iter(files))
    try:
        for path, data in files.items():
            make_folder(path.parent)
            sweep(path)
            parts[path] = write_beside(path, [data])
        for path, part in parts.items():
            part.replace(path)
        for folder in {path.parent for path in files}:
            flush_folder(folder)
    except OSError as error:
        reason = " ".join(str(error).split())
        raise ProbeFileError(f"{path} cannot be written ({reason}); make room and export again.") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
