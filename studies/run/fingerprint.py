"""Whether a run is finished already: the study and every file it reads, by name, size and time of change."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unsinter.studies.data.load import find_model
from unsinter.studies.machine.environment import package_versions
from unsinter.studies.run.across_categories_step import ACROSS_CATEGORIES
from unsinter.studies.run.separation_step import SEPARATION
from unsinter.studies.run.target_step import TARGET
from unsinter.studies.run.transfer_step import CROSS_MODEL, HELD_OUT, TRANSFER
from unsinter.studies.store.step_store import VERSION
from unsinter.studies.study.file import Study

KINDS = (TARGET, TRANSFER, HELD_OUT, CROSS_MODEL, SEPARATION, ACROSS_CATEGORIES)
"""Every kind of step, each with the version of its code."""


def study_fingerprint(study: Study) -> str:
    """Return a digest that changes with the study, its files, its models' files, and the libraries.

    The report's words are left out: they change no number. Files are not read, so this takes milliseconds; a
    file that is written again with the same bytes counts as changed, and the steps' own keys, which are made
    of content, then find that nothing is to be fitted.
    """
    parts: dict[str, Any] = {
        "steps": {"store": VERSION, **{kind.name: kind.version for kind in KINDS}},
        "study": {k: v for k, v in json.loads(study.model_dump_json()).items() if k != "report"},
        "prompts": _stamps(part.path for part in study.prompts.parts),
        "responses": _stamps(study.responses.path if study.responses else ()),
        "models": [_model_stamps(find_model(source)) for source in study.models],
        "versions": package_versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _model_stamps(path: str) -> Any:
    folder = Path(path)
    return _stamps(sorted(folder.rglob("*"))) if folder.is_dir() else [path, _snapshot(path)]


def _snapshot(model_id: str) -> str | None:
    """Return the folder of the hub's local snapshot, named after the commit; None where there is none."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(model_id, "config.json")
    except HFValidationError:
        return None
    return str(Path(path).parent) if isinstance(path, str) else None


def _stamps(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()]
