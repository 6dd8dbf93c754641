"""A cache in a bucket of a real S3 server: the bytes of a folder's, one winner per name."""

import os
import pickle
import sys
from pathlib import Path, PurePath

import cache_source
import numpy as np
import obstore
import pytest
from cache_source import IDENTITY, LAYERS, POSITIONS, Producer, assert_holds, fill, row_keys, source
from obstore.store import S3Store
from s3_server import BUCKET

from unsinter.cache import ActivationStore, CacheError, gc, ls, migrate, verify
from unsinter.cache.atomic import replace_seen
from unsinter.cache.bucket import client as bucket_module
from unsinter.cache.bucket.errors import BucketError
from unsinter.cache.bucket.path import S3Path
from unsinter.cache.location import cache_root
from unsinter.cache.lookup import find_store
from unsinter.cache.places.remote import RemotePath


def objects():
    """Key -> bytes of everything in the bucket, asked for without any code of ours."""
    store = S3Store(BUCKET, client_options={"allow_http": True})
    keys = [meta["path"] for page in obstore.list(store) for meta in page]
    return {key: bytes(obstore.get(store, key).bytes()) for key in keys}


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_bucket_holds_the_bytes_of_a_folder(bucket, tmp_path):
    rows = row_keys(20)
    for root in (bucket, tmp_path):
        report = fill(ActivationStore.open(root, IDENTITY, about={"model": "m"}), rows)
        assert report.shards_computed == 3
        assert fill(ActivationStore.open(root, IDENTITY), rows).shards_computed == 0
    in_folder = {name: raw for name, raw in files(tmp_path).items() if "/locks/" not in name}
    assert {key.removeprefix("team/cache/"): raw for key, raw in objects().items()} == in_folder
    assert_holds(ActivationStore.open(bucket, IDENTITY), rows)
    assert_holds(ActivationStore.open(Path(bucket), IDENTITY), rows[::-2])  # a path loses one stroke


def test_nothing_is_written_on_this_machine(bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(ActivationStore.open(bucket, IDENTITY), row_keys(10))
    assert list(tmp_path.rglob("*")) == []


def test_of_two_writers_of_a_shard_the_second_finds_the_first_and_changes_nothing(bucket):
    first, second = (ActivationStore.open(bucket, IDENTITY) for _ in range(2))
    rows = row_keys(8)
    (plan,) = first.missing(rows, layers=LAYERS, positions=POSITIONS)
    values = Producer()(plan.rows, plan.layers, plan.positions)
    first.write(plan, values, dtype="bfloat16")
    before = objects()
    second.write(plan, values, dtype="bfloat16")
    assert objects() == before
    shard = second.path / "shards" / plan.name(second.key, "bfloat16")
    assert shard.put([b"other bytes"]) is None
    assert objects() == before


def test_a_writer_whose_rows_were_stored_while_it_computed_stores_the_others_only(bucket):
    rows = row_keys(8)
    other = ActivationStore.open(bucket, IDENTITY)

    def produce(wanted, layers, positions):
        if wanted == tuple(rows):
            fill(other, rows[2:4])
        return Producer()(wanted, layers, positions)

    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, rows, produce=produce)
    entries = ls(bucket)
    assert [entry.rows for entry in entries] == [8]
    assert sorted(len(entry.plan.rows) for entry in store._folder.load().values()) == [2, 6]
    assert_holds(store, rows)


def test_an_index_that_another_changed_is_not_overwritten(bucket):
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, row_keys(8))
    folder = store._folder
    folder.load()
    seen = folder.seen
    fill(ActivationStore.open(bucket, IDENTITY), row_keys(24)[8:])
    before = objects()
    assert not folder.write(folder.index, [b"of what is no more"], seen=seen)
    assert objects() == before
    path = folder.index
    # The other writer comes between the look and the write: the store itself refuses then.
    assert replace_seen(path, [b"late"], lambda: path.put([b"faster"], always=True) is not None) is None
    assert path.fetch()[0] == b"faster"


def test_one_layer_is_read_in_ranges_and_no_more(bucket, monkeypatch):
    rows, width = row_keys(64), 2048
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, rows, layers=range(8), rows_per_shard=64, produce=Producer(width=width))
    spans, fetch_span = [], bucket_module.fetch

    def fetch(name, key, start, stop):
        data, status = fetch_span(name, key, start, stop)
        if key.endswith(".safetensors"):
            spans.append(len(data))
        return data, status

    monkeypatch.setattr(bucket_module, "fetch", fetch)
    fresh = ActivationStore.open(bucket, IDENTITY)
    values = fresh.read_bits(3, POSITIONS[1], rows)
    assert np.array_equal(values, source(rows, 3, POSITIONS[1], width=width))
    assert sum(spans) == (1 << 18) + values.nbytes  # the beginning, which holds the header, and the range
    spans.clear()
    fresh.read_bits(4, POSITIONS[1], rows)
    assert sum(spans) == values.nbytes


def test_a_changed_byte_is_named_set_aside_and_computed_again(bucket):
    rows = row_keys(20)
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, rows)
    unbroken = objects()
    shard = sorted(path for path in (store.path / "shards").iterdir())[0]
    raw = bytearray(unbroken[shard.key])
    raw[-5] ^= 1
    shard.put([bytes(raw)], always=True)
    fresh = ActivationStore.open(bucket, IDENTITY)
    sites = [(layer, position) for layer in LAYERS for position in POSITIONS]
    with pytest.raises(CacheError, match=f"{shard.name}: the values of .* not the bytes"):
        [fresh.read(*site, rows) for site in sites]
    report = verify(bucket, quarantine=True)
    assert [finding.kind for finding in report.findings] == ["damaged"]
    assert str(report.moved[0]).startswith(f"{bucket}/{store.key}/quarantine/")
    assert fill(ActivationStore.open(bucket, IDENTITY), rows).shards_computed == 1
    assert verify(bucket).is_sound
    now = {key: data for key, data in objects().items() if "/quarantine/" not in key}
    assert {k: v for k, v in now.items() if "/shards/" in k} == {
        k: v for k, v in unbroken.items() if "/shards/" in k
    }


def test_a_lost_index_is_written_again_from_the_shards(bucket):
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, row_keys(20))
    index = store._folder.index
    index.remove()
    with pytest.raises(CacheError, match=r"index.bin: the index of 3 stored shards is missing"):
        ls(bucket)
    verify(bucket, rebuild=True)
    assert fill(ActivationStore.open(bucket, IDENTITY), row_keys(20)).shards_computed == 0


def test_what_is_stored_is_listed_found_by_key_and_never_removed(bucket, tmp_path):
    store = ActivationStore.open(bucket, IDENTITY, about={"model": "a model"}, study=tmp_path / "elsewhere")
    fill(store, row_keys(20))
    (holding,) = ls(bucket)
    assert (holding.model, holding.rows, holding.n_shards) == ("a model", 20, 3)
    assert holding.studies == (tmp_path / "elsewhere",)  # a folder that this machine need not have
    assert_holds(find_store(bucket, store.key), row_keys(20))
    assert find_store(bucket, "0" * 64) is None
    before = objects()
    with pytest.raises(CacheError, match="nothing is removed from a store of objects") as refusal:
        gc(bucket, dry_run=False)
    assert "\n" not in str(refusal.value)
    assert objects() == before


def test_a_cache_of_format_1_that_was_copied_there_is_read_and_migrated(bucket):
    folder = Path(cache_source.__file__).parent / "cache_of_format_1"
    root = cache_root(bucket)
    for path in folder.rglob("*"):
        if path.is_file():
            root.joinpath(*path.relative_to(folder).parts).put([path.read_bytes()])
    before = {entry.key: entry.rows for entry in ls(bucket)}
    assert before == {entry.key: entry.rows for entry in ls(folder)}
    (moved,) = migrate(bucket)
    assert moved.name == "manifest.format1.json"
    assert moved.exists()
    assert {entry.key: entry.rows for entry in ls(bucket)} == before
    assert verify(bucket).is_sound


def test_a_fork_of_a_process_that_used_the_store_is_refused_in_one_line(bucket):
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, row_keys(4))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.read(0, POSITIONS[0], row_keys(4))
            message = "no error"
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writer, message.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        message = file.read()
    os.waitpid(child, 0)
    assert message.startswith("BucketError: s3://")
    assert "spawn" in message
    assert "\n" not in message


@pytest.mark.parametrize("place", ["s3://", "s3://a", "s3://Bucket/x", "s3://bucket/a b", "s3://bucket/../x"])
def test_a_name_that_no_bucket_can_have_is_refused(place):
    with pytest.raises(BucketError, match=r"s3://bucket/prefix"):
        ActivationStore.open(place, IDENTITY)


@pytest.mark.parametrize(
    "place", ["gs://b/p", "S3://b/p", "s3a://b/p", "s3:b/p", "https://host/b", "file:/b"]
)
def test_an_address_of_another_kind_is_no_folder(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (place, Path(place)):
        with pytest.raises(CacheError, match="is no place of a cache; name a folder, or s3://bucket/prefix"):
            ActivationStore.open(name, IDENTITY)
    assert list(tmp_path.iterdir()) == []


def test_keys_in_front_of_a_bucket_are_not_repeated():
    with pytest.raises(BucketError, match="'s3://bucket/x' is no place") as refusal:
        ActivationStore.open("s3://KEY:SECRET@bucket/x", IDENTITY)
    assert "SECRET" not in str(refusal.value)


def test_without_obstore_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BucketError, match=r"pip install '\.\[s3\]'"):
        ActivationStore.open("s3://bucket/x", IDENTITY)


def test_a_path_of_a_bucket_never_touches_a_file_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = cache_root("s3://bucket/x")
    implemented = {name for kind in (S3Path, RemotePath) for name in vars(kind)}
    refused = 0
    for name in vars(Path).keys() - vars(PurePath).keys():
        if not name.startswith("_") and getattr(RemotePath, name).__doc__.startswith("Refuse"):
            with pytest.raises(OSError, match="store of objects"):
                getattr(path, name)()
            refused += 1
        assert name.startswith("_") or name in implemented
    assert refused > 15
    for use in (os.open, os.listdir, os.stat):
        with pytest.raises(OSError, match="store of objects"):
            use(path, *([os.O_RDONLY] if use is os.open else []))
    assert list(tmp_path.iterdir()) == []
    assert str(path / "a" / "b") == "s3://bucket/x/a/b"
    assert pickle.loads(pickle.dumps(path)) == path
