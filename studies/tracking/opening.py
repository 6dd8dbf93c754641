"""Trackers of experiments by name: refused before anything is computed, or opened."""

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from unsinter.cache.errors import one_line
from unsinter.studies.study.file import StudyError
from unsinter.studies.tracking.tracker import Setting, Tracker

TRACKERS: Mapping[str, str] = {"trackio": "trackio", "mlflow": "mlflow", "wandb": "wandb"}
"""Name on the command line -> package that is imported for it; the extra has the name."""


def check_tracker(name: str, folder: Path) -> None:
    """Refuse what cannot be a tracker of the run in ``folder``, before anything is computed.

    Raises
    ------
    StudyError : an unknown name, a package that is not installed or cannot be imported, or one that would
        write its files into the run's folder.
    """
    if name not in TRACKERS:
        raise StudyError(f"--track takes {', '.join(TRACKERS)}; got {name[:80]!r}.")
    for variable, value in _BEFORE_IMPORT.get(name, {}).items():
        os.environ.setdefault(variable, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(TRACKERS[name])
    except ModuleNotFoundError as error:
        raise StudyError(
            f"--track {name} needs {error.name}; run: pip install '.[{name}]' in unsinter's repository."
        ) from error
    except Exception as error:  # packages fail at import in every way
        raise StudyError(
            f"--track {name}: its package cannot be imported ({type(error).__name__}: {one_line(error)}); "
            f"run: pip install --upgrade '.[{name}]' in unsinter's repository."
        ) from error
    if (place := _local_folder(name)) is not None and _is_inside(place, folder):
        raise StudyError(
            f"--track {name} would write into the run's folder {folder}, whose files are sealed; run from "
            f"another folder, or set {_VARIABLES[name]} to one."
        )


def open_tracker(name: str, *, project: str, run: str, settings: Mapping[str, Setting]) -> Tracker:
    """Begin a run in a tracker that `check_tracker` lets pass."""
    if name == "trackio":
        from unsinter.studies.tracking.trackio_run import TrackioRun

        return TrackioRun(project=project, run=run, settings=settings)
    if name == "mlflow":
        from unsinter.studies.tracking.mlflow_run import MlflowRun

        return MlflowRun(project=project, run=run, settings=settings)
    from unsinter.studies.tracking.wandb_run import WandbRun

    return WandbRun(project=project, run=run, settings=settings)


_VARIABLES = {"trackio": "TRACKIO_DIR", "mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_DIR"}


_BEFORE_IMPORT = {"mlflow": {"MLFLOW_LOGGING_LEVEL": "WARNING"}}
"""Without it MLflow tells of each table of its database that it makes."""


def _local_folder(name: str) -> Path | None:
    """Return the folder that a tracker writes into; None where the environment names a server."""
    named = os.environ.get(_VARIABLES[name])
    if name == "trackio":
        return Path(import_module("trackio.utils").TRACKIO_DIR)
    if name == "mlflow" and named:
        return _folder_of_address(named)
    return Path(named) if named else Path.cwd()


def _folder_of_address(address: str) -> Path | None:
    if address.startswith("sqlite:///"):
        return Path(address.removeprefix("sqlite:///"))
    if address.startswith("file:"):
        return Path(urlsplit(address).path)
    return None if "://" in address else Path(address)


def _is_inside(place: Path, folder: Path) -> bool:
    return place.resolve().is_relative_to(folder.resolve())
