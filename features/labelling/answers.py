"""Answers of a judge kept on disk, one small file each, so that no question is paid for twice."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

_LOG = logging.getLogger(__name__)


class AnswerFolder:
    """A folder of answers keyed by everything that shapes them; safe for several writers at once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def get(self, question: Mapping[str, str]) -> str | None:
        """Return the stored answer, or ``None``. A damaged file counts as none: the question is asked"
        " again."""
        path = self._path(question)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            answer = record["answer"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            _LOG.warning("%s is damaged and will be replaced", path)
            return None
        return answer if isinstance(answer, str) and record.get("key") == path.stem else None

    def put(self, question: Mapping[str, str], answer: str) -> None:
        """Store an answer by temporary file and rename, so that a reader sees all of it or nothing."""
        path = self._path(question)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"key": path.stem, "answer": answer}, stream)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _path(self, question: Mapping[str, str]) -> Path:
        key = hashlib.sha256(json.dumps(dict(question), sort_keys=True).encode()).hexdigest()
        return self.root / key[:2] / f"{key}.json"
