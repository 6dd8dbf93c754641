"""`UNSINTER_CACHE=s3://bucket/prefix` as a person meets it: verbs work, or say in one line why not."""

import pandas as pd
import pytest
from s3_server import BUCKET, environment, refusing_server, s3_environment, s3_server

from unsinter.cache.bucket.client import _open_client
from unsinter.studies import Run

PLACE = f"s3://{BUCKET}/team"


@pytest.mark.slow
def test_a_study_runs_from_a_bucket_with_the_tables_that_it_has_from_a_folder(
    write_study, unsinter, refused, tmp_path, monkeypatch
):
    study = write_study()
    with s3_server() as address:
        there = {"UNSINTER_CACHE": PLACE, **environment(address)}
        extracted = unsinter("extract", study, "--shard", "1/1", **there)
        assert extracted.returncode == 0, extracted.stderr
        assert "no row is missing" in extracted.stdout
        for verb, words in (("ls", "planted:detached"), ("verify", "all sound"), ("migrate", "0 models")):
            done = unsinter("cache", verb, **there)
            assert done.returncode == 0, done.stderr
            assert words in done.stdout
        refused("cache", "gc", parts=(PLACE, "nothing is removed from a store of objects"), **there)
        doctor = unsinter("doctor", **there)
        assert f"{PLACE}, 1 models" in " ".join(doctor.stdout.split())
        done = unsinter("run", study, "--out", tmp_path / "far", **there)
        assert done.returncode == 0, done.stderr
        done = unsinter("run", study, "--out", tmp_path / "near", UNSINTER_CACHE=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        far, near = (
            Run.open(tmp_path / "far", cache=PLACE),
            Run.open(tmp_path / "near", cache=tmp_path / "cache"),
        )
        pd.testing.assert_frame_equal(far.results, near.results)
        s3_environment(monkeypatch, address)
        _open_client.cache_clear()
        ids, values = far.activations(2, "template_end")
        assert list(ids) == list(near.activations(2, "template_end").ids)
        assert (values == near.activations(2, "template_end").values).all()
        _open_client.cache_clear()
    assert not list((tmp_path / "here").glob("s3*"))


def test_an_expired_token_ends_a_command_with_one_line(write_study, refused):
    with refusing_server(400, "ExpiredToken") as address:
        there = {"UNSINTER_CACHE": PLACE, **environment(address)}
        refused("extract", write_study(), parts=(PLACE, "the credentials have expired", "run again"), **there)
        refused("cache", "ls", parts=("s3://", "the credentials have expired"), **there)


def test_a_place_that_no_bucket_can_have_ends_a_command_with_one_line(refused):
    refused(
        "cache", "ls", parts=("s3://Not a bucket", "s3://bucket/prefix"), UNSINTER_CACHE="s3://Not a bucket"
    )
