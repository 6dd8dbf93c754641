"""Finished parts of a run, kept under the digest of all that made them, so that nothing is fitted twice."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unsinter.cache.atomic import make_folder, move_into, write_atomically
from unsinter.cache.errors import cannot_write
from unsinter.cache.inventory import DamagedFileError, Inventory, files_below
from unsinter.studies.store.damage import set_aside
from unsinter.studies.study.file import StudyError
from unsinter.studies.tables.read import read_table, say_unsealed

VERSION = 4
"""Raised whenever what is the same for all steps changes: how they are kept, and how their keys are made."""

_FACTS = "facts.json"


def digest_of(parts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of named parts: numbers, text, arrays, mappings and sequences of them."""
    return hashlib.sha256(_canonical({"version": VERSION, **parts}).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """A kind of step, declared beside the code that makes it.

    Attributes
    ----------
    version : raised whenever a change of the code changes the columns or numbers of the step. Those that an
        earlier version left are then not used again, so that no run has numbers of two versions.
    """

    name: str
    version: int

    def key(self, parts: Mapping[str, Any]) -> str:
        """Return the digest of all that made a step of this kind: its parts and the version of its code."""
        return digest_of({"kind": self.name, "kind_version": self.version, "parts": parts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step left: its tables, its facts, and the folder where its other files stand."""

    folder: Path
    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStore:
    """Steps in one folder; a step is whole or absent, and none is ever deleted."""

    folder: Path

    def find(self, name: str, key: str) -> Step | None:
        """Return the step of this name and key; None where there is none, or none that is as it was written.

        A damaged one is named and moved aside, so that it is made anew. A step without digests, which an
        earlier version wrote, is read as it is, and that is said.

        Raises
        ------
        StudyError : a file is there and the system refuses to read it.
        """
        folder = self.folder / f"{name}-{key[:16]}"
        if not folder.is_dir():
            return None
        try:
            return _read_step(folder)
        except DamagedFileError as error:
            why = str(error).removeprefix(f"{folder}/")
            set_aside(self.folder.parent, f"{self.folder.name}/{folder.name}", f"is damaged ({why})")
            return None
        except OSError as error:
            raise StudyError(
                f"{folder} cannot be read ({error.strerror}); give yourself the right."
            ) from error

    def keep(
        self,
        name: str,
        key: str,
        *,
        tables: Mapping[str, pd.DataFrame],
        facts: Mapping[str, Any],
        write_more: Callable[[Path], object] = lambda _: None,
    ) -> Step:
        """Write a step and return it as a later run will find it.

        ``write_more`` may put further files into the step's folder before it is moved into place.
        """
        final = self.folder / f"{name}-{key[:16]}"
        part = self.folder / f".{final.name}.{os.getpid()}.part"
        try:
            make_folder(part)
            for table_name, table in tables.items():
                write_atomically(part / f"{table_name}.parquet", [table.to_parquet(index=False)])
            write_more(part)
            write_atomically(part / _FACTS, [json.dumps(dict(facts), indent=1, sort_keys=True).encode()])
            Inventory.of(part, files_below(part)).write()
            if not final.exists():  # another process may have finished the same step: equal by its key
                move_into(part, final)
        except OSError as error:
            raise StudyError(cannot_write(final, error)) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return _read_step(final, is_ours=True)


def _read_step(folder: Path, *, is_ours: bool = False) -> Step:
    """Return a step whose every file is as its inventory says; DamagedFileError otherwise.

    The tables of one that this process has not just written itself are gone through in another one first.
    """
    inventory = Inventory.read(folder)
    if inventory is None:
        say_unsealed(folder.parent.parent)
        inventory = Inventory.of(folder, files_below(folder))
    for file in inventory.files:
        inventory.check(file)
    facts = _parsed(folder / _FACTS, json.loads, inventory.read_bytes(_FACTS))
    if not isinstance(facts, dict):
        raise DamagedFileError(folder / _FACTS, "holds no facts")
    tables = {
        Path(file).stem: _parsed(
            folder / file,
            partial(read_table, path=None if is_ours else folder / file),
            inventory.read_bytes(file),
        )
        for file in sorted(inventory.files)
        if file.endswith(".parquet")
    }
    return Step(folder=folder, tables=tables, facts=facts)


def _parsed(path: Path, parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except Exception as error:  # readers of damaged files raise every kind, and a step is made anew anyway
        raise DamagedFileError(path, f"cannot be read: {' '.join(str(error).split())}") from error


def _canonical(value: Any) -> str:
    """Return JSON in which arrays stand as the digest of their bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # Text arrays are digested as text: their item width depends on the longest entry of the whole array.
        data = json.dumps(value.tolist()).encode() if value.dtype.kind in "UO" else value.tobytes()
        return {"array": hashlib.sha256(data).hexdigest(), "shape": value.shape, "kind": value.dtype.kind}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a step's key cannot hold {type(value).__name__}")
