"""Answers of a judge kept on disk, one small file each, so that no question is paid for twice."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import UnsinterError, naming
from unsinter.cache.json_text import read_json
from unsinter.features.endpoint.exchange import LONGEST_ANSWER

logger = logging.getLogger(__name__)


class AnswerFolderError(UnsinterError, ValueError):
    """A judge's answer cannot be kept."""


class AnswerFolder:
    """A folder of answers keyed by everything that shapes them; safe for several writers at once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def get(self, question: Mapping[str, str]) -> str | None:
        """Return the stored answer, or None. A damaged file counts as none: the question is asked again."""
        path = self._path(question)
        try:
            # Every character of an answer may stand as \\uXXXX, two of them where it is a rare one.
            record = read_json(path, most_bytes=12 * LONGEST_ANSWER + 1000)
            answer = record["answer"]
        except FileNotFoundError:
            return None
        except (ValueError, OverflowError, KeyError, TypeError):
            logger.warning("%s is damaged and will be replaced", path)
            return None
        return answer if isinstance(answer, str) and record.get("key") == path.stem else None

    def put(self, question: Mapping[str, str], answer: str) -> None:
        """Store an answer, whole or not at all.

        Raises
        ------
        AnswerFolderError : the system refuses.
        """
        path = self._path(question)
        with naming(path, AnswerFolderError):
            make_folder(path.parent)
            sweep(path)
            write_atomically(path, [json.dumps({"key": path.stem, "answer": answer}).encode()])

    def _path(self, question: Mapping[str, str]) -> Path:
        key = hashlib.sha256(json.dumps(dict(question), sort_keys=True).encode()).hexdigest()
        return self.root / key[:2] / f"{key}.json"
