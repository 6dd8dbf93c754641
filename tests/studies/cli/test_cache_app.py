"""Damage to the cache as a person meets it: which command says what, and how to go on."""

import shutil

import pytest
from cache_source import IDENTITY, fill, row_keys

from unsinter.cache import ActivationStore, verify


@pytest.fixture
def filled(write_study, unsinter, tmp_path):
    """A study whose activations are in a cache of their own; returns (study file, cache folder)."""
    study, cache = write_study(), tmp_path / "cache"
    done = unsinter("extract", study, UNSINTER_CACHE=str(cache))
    assert done.returncode == 0, done.stderr
    return study, cache


def shards(cache):
    return sorted(cache.rglob("*.safetensors"))


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))


def test_a_cache_of_format_1_is_migrated_once_and_loses_no_byte(repository, unsinter, tmp_path):
    cache = tmp_path / "cache"
    shutil.copytree(repository / "tests" / "samples" / "cache_of_format_1", cache)
    here = {"UNSINTER_CACHE": str(cache)}
    before = {path.relative_to(cache): path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    moved = unsinter("cache", "migrate", **here)
    assert moved.returncode == 0, moved.stderr
    assert "1 model migrated" in moved.stdout
    for path, content in before.items():
        name = "manifest.format1.json" if path.name == "manifest.json" else path.name
        assert (cache / path.with_name(name)).read_bytes() == content
    assert not list(cache.rglob("manifest.json"))
    assert "0 models migrated; all have the present format" in unsinter("cache", "migrate", **here).stdout
    assert "3 shards" in (sound := unsinter("cache", "verify", **here).stdout)
    assert "all sound" in sound


def test_a_filled_cache_is_listed_sound_and_used_again(filled, unsinter):
    study, cache = filled
    here = {"UNSINTER_CACHE": str(cache)}
    listed = unsinter("cache", "ls", **here)
    assert "planted:detached" in listed.stdout
    assert "all sound" in unsinter("cache", "verify", **here).stdout
    again = unsinter("extract", study, **here)
    assert again.returncode == 0
    cells = [cell.strip() for cell in again.stdout.splitlines()[-2].split("│")]
    assert cells[4] == "0"  # computed: everything came from the cache


@pytest.mark.slow
def test_a_flipped_byte_is_found_named_quarantined_and_computed_again(filled, unsinter, refused):
    study, cache = filled
    here = {"UNSINTER_CACHE": str(cache)}
    victim = shards(cache)[0]
    before = victim.read_bytes()
    flip_a_byte(victim)
    result = unsinter("cache", "verify", "--check-only", **here)
    assert result.returncode == 1
    assert victim.name in result.stdout
    assert victim.exists()
    refused("run", study, parts=(victim.name, "verify"), **here)
    moved = unsinter("cache", "verify", **here)
    assert "moved to" in moved.stdout
    assert unsinter("run", study, "--out", cache.parent / "out", **here).returncode == 0
    assert victim.read_bytes() == before
    assert unsinter("cache", "verify", **here).returncode == 0


def test_a_truncated_shard_is_named(filled, unsinter, refused):
    study, cache = filled
    victim = shards(cache)[0]
    victim.write_bytes(victim.read_bytes()[:-50])
    refused("run", study, parts=(victim.name,), UNSINTER_CACHE=str(cache))


def test_a_shard_of_another_model_is_named(filled, unsinter, write_study, tmp_path):
    _, cache = filled
    other = tmp_path / "other"
    study = write_study(models=[{"name": "tiny", "path": "planted:sintered", "dtype": "float32"}])
    assert unsinter("extract", study, UNSINTER_CACHE=str(other)).returncode == 0
    foreign = shards(other)[0]
    shutil.copy(foreign, shards(cache)[0].parent / foreign.name)
    result = unsinter("cache", "verify", UNSINTER_CACHE=str(cache))
    assert result.returncode == 1
    assert foreign.name in result.stdout


def test_a_missing_index_is_one_line_and_is_rebuilt_without_losing_a_row(filled, unsinter, refused):
    study, cache = filled
    here = {"UNSINTER_CACHE": str(cache)}
    (index,) = cache.rglob("index.bin")
    before = index.read_bytes()
    index.unlink()
    refused("extract", study, parts=("index.bin", "--rebuild"), **here)
    unsinter("cache", "verify", "--rebuild", **here)
    assert index.read_bytes() == before


def test_gc_removes_what_no_study_names_only_when_told_to(filled, unsinter):
    study, cache = filled
    here = {"UNSINTER_CACHE": str(cache)}
    count = len(shards(cache))
    assert unsinter("cache", "gc", "--yes", **here).returncode == 0
    assert len(shards(cache)) == count  # the study file still names them
    study.unlink()
    answer = unsinter("cache", "gc", **here)  # standard input is empty: no answer is no
    assert len(shards(cache)) == count, answer.stdout
    assert unsinter("cache", "gc", "--yes", **here).returncode == 0
    assert shards(cache) == []


def test_gc_takes_away_what_a_killed_gc_left_of_a_folder_that_holds_nothing(unsinter, tmp_path):
    cache = tmp_path / "cache"
    here = {"UNSINTER_CACHE": str(cache)}
    store = ActivationStore.open(cache, IDENTITY)
    fill(store, row_keys(8))
    for shard in shards(cache):
        shard.unlink()
    verify(cache, rebuild=True)
    folder = store.path
    del store  # which would keep gc away
    assert unsinter("cache", "gc", **here).returncode == 0
    assert folder.is_dir()  # nothing is removed unasked
    assert unsinter("cache", "gc", "--yes", **here).returncode == 0
    assert not folder.exists()
