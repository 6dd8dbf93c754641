"""Whether a file lies on storage of another host, where locks of files do not hold."""

from collections.abc import Sequence
from pathlib import Path

import psutil

NETWORK_FILE_SYSTEMS = frozenset(
    "afpfs afs beegfs ceph cifs coda davfs fuse.ceph fuse.davfs2 fuse.gcsfuse fuse.glusterfs "  # noqa: SIM905
    "fuse.goofys "
    "fuse.juicefs fuse.rclone fuse.s3fs fuse.sshfs glusterfs gpfs lustre ncpfs nfs nfs3 nfs4 ocfs2 orangefs "
    "panfs smb3 smbfs wekafs".split()
)
"""Types of file systems, as the kernel names them, that several hosts write to."""

Mount = tuple[str, str]
"""Where a file system is mounted, and its type."""


def network_mount(path: Path, mounts: Sequence[Mount] | None = None) -> Mount | None:
    """Return the mount of another host's storage that holds a path; None where it is on this machine.

    Parameters
    ----------
    path : of a file that need not exist; links are followed.
    mounts : None reads those of this machine.
    """
    if mounts is None:
        mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    resolved = path.expanduser().resolve()
    above = [mount for mount in mounts if resolved.is_relative_to(mount[0])]
    # Of two at one place, the later covers the earlier.
    nearest = max(reversed(above), key=lambda mount: len(Path(mount[0]).parts), default=None)
    return nearest if nearest is not None and nearest[1].lower() in NETWORK_FILE_SYSTEMS else None
