"""Whether a run is finished already: the study and every file it reads, by name, size and time of change."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unsinter.cache.location import expand_home
from unsinter.features.model.digest_notes import file_stamps
from unsinter.features.model.folder import local_snapshot
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.machine.environment import package_versions
from unsinter.studies.run.step_kinds import KINDS
from unsinter.studies.store.step_store import VERSION
from unsinter.studies.study.file import Study
from unsinter.studies.study.response_source import SERVER_FIELDS


def study_fingerprint(study: Study) -> str:
    """Return a digest that changes with the study, its files, its models' files, and the libraries.

    The report's words are left out, and where a server of answers is: they change no number. Files are not
    read, so this takes milliseconds; a file that is written again with the same bytes counts as changed, and
    the steps' own keys, which are made of content, then find that nothing is to be fitted.
    """
    parts: dict[str, Any] = {
        "steps": {"store": VERSION, **{kind.name: kind.version for kind in KINDS}},
        "study": _content(study),
        "prompts": _stamps(part.path for part in study.prompts.parts),
        "responses": _stamps(study.responses.path if study.responses else ()),
        "models": [
            [_model_stamps(find_model(source), source.revision), *_adapter_stamps(source.adapter)]
            if source.activations is None
            else _stamps(source.activations.files())
            for source in study.models
        ],
        "versions": package_versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _content(study: Study) -> dict[str, Any]:
    """Return the study's keys that change a number: neither words of the report nor where a server is."""
    table: dict[str, Any] = json.loads(study.model_dump_json(exclude={"report"}))
    if study.responses is not None:
        answers = {k: v for k, v in table["responses"].items() if k not in SERVER_FIELDS | {"endpoint"}}
        table["responses"] = answers | ({"by": "server"} if study.responses.endpoint else {})
    return table


def _model_stamps(path: str, revision: str | None) -> Any:
    folder = Path(path)
    if folder.is_dir():
        return [(str(folder), *stamp[:3]) for stamp in file_stamps(folder)]
    return [path, local_snapshot(path, revision)]


def _adapter_stamps(adapter: str | None) -> list[Any]:
    if adapter is None:
        return []
    folder = expand_home(adapter)
    return [(str(folder), *stamp[:3]) for stamp in file_stamps(folder)]


def _stamps(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()]
