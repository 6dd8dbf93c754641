"""A pipe, a device or a deeply nested text in the place of a cache's file: named, never waited for."""

import os
from pathlib import Path

import numpy as np
import pytest

from unsinter.cache import ActivationStore, CacheError, gc, ls, verify
from unsinter.cache.key import canonical

pytestmark = pytest.mark.timeout(60)  # an open pipe waits for ever

ROWS = [f"{number:064x}" for number in range(4)]


@pytest.fixture
def store(tmp_path):
    """A store of one shard that a study needs."""
    study = tmp_path / "study.yaml"
    study.write_text("name: mine\n", encoding="utf-8")
    store = ActivationStore.open(tmp_path / "cache", {"weights": "one"}, about="tiny", study=study)
    store.fill(
        ROWS, layers=[0], positions=["last"], dtype="float32",
        produce=lambda rows, layers, positions: {0: np.ones((len(rows), 1, 8), np.float32)},
    )  # fmt: skip
    return store


def put(path: Path, what: str) -> None:
    """Put something that is no ordinary file of a cache in a file's place."""
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"[" * 200_000)


FILES = ("about.json", "identity.json", "index.bin", "references/*.json", "shards/*.safetensors")


@pytest.mark.parametrize("what", ["pipe", "device", "nested"])
@pytest.mark.parametrize("name", FILES)
def test_what_stands_in_a_files_place_is_named_by_every_reader(tmp_path, store, name, what):
    (path,) = store.path.glob(name)
    put(path, what)
    root = tmp_path / "cache"
    named = []
    for call in (lambda: ls(root), lambda: gc(root, dry_run=True), lambda: _read(root)):
        try:
            call()
        except CacheError as error:
            named.append(str(error))
    named += [finding.message for finding in verify(root).findings]
    if name != "about.json":  # which is for people, and hides nothing where it cannot be read
        assert any(path.name in text for text in named)
    assert path.is_symlink() or path.exists()


def _read(root: Path) -> None:
    ActivationStore.open(root, {"weights": "one"}).read(0, "last", ROWS)


def test_a_note_on_the_model_that_nobody_can_read_leaves_the_list_of_what_is_stored(tmp_path, store):
    for what in ("pipe", "device", "nested"):
        put(store.path / "about.json", what)
        (holding,) = ls(tmp_path / "cache")
        assert (holding.model, holding.rows) == ("", len(ROWS))
        assert holding.key == store.key
        (store.path / "about.json").unlink()
        (store.path / "about.json").write_bytes(canonical({"model": "tiny"}))
