"""What a store refuses is one line that says what to do, names no key, and leaves nothing lost."""

from collections import Counter

import pytest
from cache_source import IDENTITY, Producer, assert_holds, fill, row_keys
from s3_server import (
    BUCKET,
    KEY_ID,
    SECRET,
    demand_signatures,
    forgetful_server,
    page_server,
    refusing_server,
    s3_environment,
)
from typer.testing import CliRunner

from unsinter.cache import ActivationStore, ls, verify
from unsinter.cache.bucket import client as bucket_module
from unsinter.cache.bucket.client import fetch, listing, put
from unsinter.cache.bucket.errors import BucketError, bucket_error
from unsinter.cache.errors import CacheError
from unsinter.cache.folding import write_anew
from unsinter.cache.location import cache_root
from unsinter.cache.manifest import Folder
from unsinter.studies.cli.app import app

PLACE = f"s3://{BUCKET}/cache"

REFUSALS = [
    (400, "ExpiredToken", "the credentials have expired"),
    (403, "InvalidAccessKeyId", "does not know these credentials"),
    (403, "SignatureDoesNotMatch", "does not know these credentials"),
    (403, "RequestTimeTooSkewed", "the clock of this machine is too far from the store's"),
    (403, "AccessDenied", "these credentials may not do that"),
    (403, "QuotaExceeded", "the store is full"),
    (507, "XMinioStorageFull", "the store is full"),
    (404, "NoSuchBucket", "there is no such bucket"),
    (418, "SomethingNew", r"the store refused \(status 418 SomethingNew\)"),
]


def is_one_clean_line(text):
    return "\n" not in text and not any(word in text for word in (KEY_ID, SECRET, "a-token", "<Error>"))


@pytest.fixture(autouse=True)
def _few_attempts(monkeypatch):
    """A store that is full answers with a status that is asked again: once is enough here."""
    monkeypatch.setitem(bucket_module._RETRIES, "max_retries", 1)
    bucket_module._open_client.cache_clear()
    yield
    bucket_module._open_client.cache_clear()


@pytest.mark.parametrize(("status", "code", "words"), REFUSALS)
def test_a_refusal_is_one_line_with_what_to_do_whatever_was_asked(monkeypatch, status, code, words):
    with refusing_server(status, code) as address:
        s3_environment(monkeypatch, address)
        producer = Producer()
        uses = [
            lambda: fill(ActivationStore.open(PLACE, IDENTITY), row_keys(4), produce=producer),
            lambda: ls(PLACE),
            lambda: verify(PLACE, quarantine=True, rebuild=True),
        ]
        for use in uses:
            bucket_module._open_client.cache_clear()
            with pytest.raises(BucketError, match=f"^s3://{BUCKET}.*{words}.*; .* run again") as refusal:
                use()
            assert is_one_clean_line(str(refusal.value))
        assert producer.calls == []  # nothing is computed that could not be kept


def test_the_command_line_says_it_in_one_line_with_exit_code_2(monkeypatch):
    with refusing_server(400, "ExpiredToken") as address:
        s3_environment(monkeypatch, address)
        monkeypatch.setenv("UNSINTER_CACHE", PLACE)
        for verb in (["ls"], ["verify"], ["migrate"], ["gc", "--yes"]):
            done = CliRunner().invoke(app, ["cache", *verb])
            assert done.exit_code == 2
            assert done.stdout == ""
            lines = done.stderr.strip().splitlines()
            assert PLACE.rpartition("/")[0] in " ".join(lines)
            assert not any(word in done.stderr for word in (KEY_ID, SECRET, "Traceback"))


def test_credentials_that_end_in_the_midst_of_a_fill_lose_nothing_and_count_nothing_twice(bucket, server):
    rows, computed = row_keys(80), []

    def produce(wanted, layers, positions):
        computed.append(wanted)
        if len(computed) == 4:
            demand_signatures(server, after=0)
        return Producer()(wanted, layers, positions)

    with pytest.raises(BucketError, match="does not know these credentials") as refusal:
        fill(ActivationStore.open(bucket, IDENTITY), rows, produce=produce)
    assert is_one_clean_line(str(refusal.value))
    demand_signatures(server, after=10**9)
    store = ActivationStore.open(bucket, IDENTITY)
    report = fill(store, rows, produce=produce)
    assert len(computed) == 11  # ten shards, and the one that could not be kept
    assert report.shards_computed + report.shards_adopted == 7
    assert_holds(store, rows)
    listed = Counter(row for entry in store._folder.load().values() for row in entry.plan.rows)
    assert set(listed) == set(rows)
    assert set(listed.values()) == {1}
    assert verify(bucket).findings == ()


def test_a_store_that_cannot_be_reached_is_one_line(monkeypatch):
    s3_environment(monkeypatch, "http://someone:word@127.0.0.1:9")
    with pytest.raises(BucketError, match=r"the store at 127\.0\.0\.1:9 cannot be reached") as refusal:
        ls(PLACE)
    assert is_one_clean_line(str(refusal.value))
    assert "word" not in str(refusal.value)


def test_a_page_that_answers_in_place_of_a_store_is_no_sound_and_empty_cache(monkeypatch):
    with page_server() as address:
        s3_environment(monkeypatch, address)
        producer = Producer()
        for use in (ls, verify, lambda root: fill(ActivationStore.open(root, IDENTITY), row_keys(4))):
            with pytest.raises(
                BucketError, match="no store that speaks S3; see to AWS_ENDPOINT_URL"
            ) as refusal:
                use(PLACE)
            assert is_one_clean_line(str(refusal.value))
        assert producer.calls == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:9000", "http://someone:word@127.0.0.1:port", "http://", "ftp://127.0.0.1/x", "http://a b"],
)
def test_what_is_no_address_of_a_store_is_one_line(monkeypatch, address):
    s3_environment(monkeypatch, address)
    with pytest.raises(BucketError, match="AWS_ENDPOINT_URL is no address of a store; write") as refusal:
        ls(PLACE)
    assert is_one_clean_line(str(refusal.value))
    assert "word" not in str(refusal.value)


@pytest.mark.parametrize("missing", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_one_half_of_the_credentials_alone_is_none(monkeypatch, missing):
    s3_environment(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.delenv(missing)
    with pytest.raises(BucketError, match="there are no credentials for the store; set AWS_ACCESS_KEY_ID"):
        ls(PLACE)


def test_a_machine_without_a_role_has_no_credentials_whatever_it_says():
    for words in ("status code: 404 Not Found", "status code: 403 Forbidden: denied", "timed out"):
        error = RuntimeError(f"Error performing PUT http://169.254.169.254/latest/api/token - {words}")
        assert "there are no credentials for the store" in str(bucket_error(error, PLACE))


def test_an_answer_that_is_lost_on_the_way_is_no_refusal_and_stores_nothing_twice(
    bucket, server, monkeypatch
):
    """The library puts again what the server has done already, and is then told that the name is taken."""
    bucket_module._CONDITIONAL.clear()
    monkeypatch.setitem(bucket_module._RETRIES, "max_retries", 2)
    with forgetful_server(server, loses=True) as address:
        s3_environment(monkeypatch, address)
        store = ActivationStore.open(bucket, IDENTITY)
        fill(store, row_keys(16))
    s3_environment(monkeypatch, server)
    bucket_module._open_client.cache_clear()
    listed = Counter(row for entry in store._folder.load().values() for row in entry.plan.rows)
    assert listed == dict.fromkeys(row_keys(16), 1)
    assert verify(bucket).findings == ()


def test_no_key_goes_over_plain_http_to_another_machine_unasked(monkeypatch):
    s3_environment(monkeypatch, "http://store.invalid:9000")
    with pytest.raises(BucketError, match="plain http to another machine takes AWS_ALLOW_HTTP"):
        ls(PLACE)


def test_a_store_that_leaves_conditions_out_in_silence_is_refused_before_anything_is_computed(
    bucket, server, monkeypatch
):
    bucket_module._CONDITIONAL.clear()
    producer = Producer()
    with forgetful_server(server) as address:
        s3_environment(monkeypatch, address)
        bucket_module._open_client.cache_clear()
        with pytest.raises(
            BucketError, match=r"does not keep to conditional writes; .*None-Match"
        ) as refusal:
            fill(ActivationStore.open(bucket, IDENTITY), row_keys(4), produce=producer)
    assert is_one_clean_line(str(refusal.value))
    assert producer.calls == []


def test_the_question_for_conditions_leaves_nothing_behind_and_touches_nothing_that_is_there(bucket):
    bucket_module._CONDITIONAL.clear()
    put(BUCKET, "team/cache/a", [b"first"], instead=None, always=False)
    bucket_module._CONDITIONAL.clear()
    assert put(BUCKET, "team/cache/a", [b"second"], instead=None, always=False) is None
    assert {BUCKET} == bucket_module._CONDITIONAL
    assert list(listing(BUCKET, "team/cache").objects) == ["a"]
    assert bytes(fetch(BUCKET, "team/cache/a", 0, None)[0]) == b"first"


def test_a_bucket_that_was_removed_in_the_midst_is_named_whatever_is_asked(bucket, server, monkeypatch):
    path = cache_root(bucket) / "x"
    path.put([b"1"], always=True)
    monkeypatch.setattr(type(path), "bucket", property(lambda self: "removed"))
    for ask in (path.fetch, lambda: path.put([b"2"], always=True), lambda: path.put([b"3"]), path.listing):
        with pytest.raises(
            BucketError, match=r"^s3://removed.*: there is no such bucket; make it"
        ) as refusal:
            ask()
        assert is_one_clean_line(str(refusal.value))


def test_an_index_that_another_writer_was_faster_with_is_not_called_written(bucket, monkeypatch):
    store = ActivationStore.open(bucket, IDENTITY)
    fill(store, row_keys(4))
    folder = Folder(store.path)
    monkeypatch.setattr(Folder, "write", lambda *_, **__: False)
    with pytest.raises(CacheError, match="another process changes the index at the same time"):
        write_anew(folder, dict(folder.load()))
