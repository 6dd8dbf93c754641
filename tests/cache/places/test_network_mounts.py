"""Files of trials on another host's storage: told by the nearest mount, refused with what to do."""

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from unsinter.cache.places.network_mounts import network_mount
from unsinter.studies.probing.tuning.storage import TuningError, check_storage_url

MOUNTS = [("/", "ext4"), ("/data", "nfs4"), ("/data/local", "xfs"), ("/twice", "cifs"), ("/twice", "tmpfs")]


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/data/trials.db", ("/data", "nfs4")),
        ("/data/run/not/made/yet.db", ("/data", "nfs4")),
        ("/data/local/trials.db", None),
        ("/database/trials.db", None),  # begins with the same letters
        ("/twice/trials.db", None),  # the later mount covers the earlier
        ("/elsewhere/trials.db", None),
    ],
)
def test_the_nearest_mount_decides(path, mount):
    assert network_mount(Path(path), MOUNTS) == mount


def test_a_link_is_followed_to_where_the_file_lies(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    mounts = [("/", "ext4"), (str(tmp_path / "far"), "fuse.sshfs")]
    assert network_mount(tmp_path / "near" / "t.db", mounts) == (str(tmp_path / "far"), "fuse.sshfs")


@pytest.mark.parametrize("scheme", ["sqlite:///", "journal:"])
def test_sqlite_and_journals_on_a_network_mount_are_refused_in_one_sentence(tmp_path, monkeypatch, scheme):
    part = namedtuple("part", "mountpoint fstype")
    mounts = [part("/", "ext4"), part(str(tmp_path), "lustre")]
    check_storage_url(f"{scheme}{tmp_path}/trials")
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    with pytest.raises(TuningError, match=r"network mount \(lustre at .*grpc://host:port") as refusal:
        check_storage_url(f"{scheme}{tmp_path}/trials")
    assert "\n" not in str(refusal.value)


def test_a_database_server_may_be_anywhere(monkeypatch):
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [])
    check_storage_url("postgresql://host/name")
