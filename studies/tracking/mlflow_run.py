"""A run in MLflow: where MLFLOW_TRACKING_URI points, else the local store that MLflow makes here."""

import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from unsinter.studies.tracking.tracker import Setting

_LONGEST_KEY = 200
_LONGEST_PARAM = 500
_LONGEST_TAG = 4000
_AT_ONCE = 100


class MlflowRun:
    """One run of an MLflow experiment; numbers of a layer have it as their step."""

    def __init__(self, *, project: str, run: str, settings: Mapping[str, Setting]) -> None:
        mlflow: Any = import_module("mlflow")
        entities: Any = import_module("mlflow.entities")

        self._metric, self._tag = entities.Metric, entities.RunTag
        self._client = mlflow.MlflowClient()
        self._id = self._client.create_run(_experiment(self._client, project), run_name=run).info.run_id
        self.place = _place(mlflow.get_tracking_uri(), project)
        parameters = [
            entities.Param(key(name), _cut(str(value), _LONGEST_PARAM)) for name, value in settings.items()
        ]
        for some in _parts(parameters):
            self._client.log_batch(self._id, params=some)

    def log(self, numbers: Mapping[str, float], *, layer: int | None = None) -> None:
        """Log numbers as metrics."""
        now, step = int(time.time() * 1000), layer or 0
        for some in _parts([self._metric(key(name), value, now, step) for name, value in numbers.items()]):
            self._client.log_batch(self._id, metrics=some)

    def note(self, texts: Mapping[str, Setting]) -> None:
        """Log facts in words as tags."""
        for some in _parts([self._tag(key(name), _cut(str(v), _LONGEST_TAG)) for name, v in texts.items()]):
            self._client.log_batch(self._id, tags=some)

    def end(self, *, is_whole: bool) -> None:
        """End the run as FINISHED or FAILED."""
        self._client.set_terminated(self._id, status="FINISHED" if is_whole else "FAILED")


def key(name: str) -> str:
    """Return a name that MLflow takes; one that had to be changed ends in a digest, so that no two meet."""
    plain = re.sub(r"[^\w./ -]", "_", name, flags=re.ASCII).strip(" /.")
    if plain == name and len(plain) <= _LONGEST_KEY:
        return plain
    return f"{plain[:_LONGEST_KEY]}_{sha256(name.encode()).hexdigest()[:8]}"


def _experiment(client: Any, project: str) -> str:
    refused: type[Exception] = import_module("mlflow.exceptions").MlflowException
    known = client.get_experiment_by_name(project)
    if known is None:
        try:
            return str(client.create_experiment(project))
        except refused:
            known = client.get_experiment_by_name(project)
            if known is None:
                raise  # it was no other process that has just made it
    return str(known.experiment_id)


def _place(uri: str, project: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme in ("", "file", "sqlite"):
        command = f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
        return f"MLflow, experiment {project}; look at it with: {command}"
    # The address of a server may hold a password.
    where = f" at {parts.hostname}" if parts.scheme in ("http", "https") else ""
    return f"MLflow{where}, experiment {project}"


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 30]} ... ({len(text)} characters)"
