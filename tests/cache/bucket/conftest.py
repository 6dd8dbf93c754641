"""A real S3 server for all tests of this folder, emptied for each."""

import pytest
from s3_server import BUCKET, reset, s3_environment, s3_server

from unsinter.cache.bucket.client import _open_client


@pytest.fixture(scope="session")
def server():
    """The address of moto's server."""
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(server, monkeypatch):
    """The name of a cache in an empty bucket, with the environment that leads there."""
    reset(server)
    s3_environment(monkeypatch, server)
    _open_client.cache_clear()
    yield f"s3://{BUCKET}/team/cache"
    _open_client.cache_clear()
