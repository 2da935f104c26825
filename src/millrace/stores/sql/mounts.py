"""Where SQLite is not safe: on file systems whose locks and shared memory end at one host."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from millrace.core.settings import SQLITE_ON_NETWORK
from millrace.stores.places import WrongPlace

# As Linux names them in the table of mounts; of those in user space, the part after "fuse.".
_REMOTE: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs2", "gcsfuse", "glusterfs",
        "goofys", "gpfs", "grpcfuse", "juicefs", "lustre", "mfs", "moosefs", "ncpfs", "nfs",
        "nfs4", "orangefs", "osxfs", "prl_fs", "pvfs2", "rclone", "s3fs", "seaweedfs", "smb3",
        "smbfs", "sshfs", "vboxsf", "vmhgfs", "vmhgfs-fuse",
    }
)  # fmt: skip
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def mount_table() -> str:
    """The mounts that this process sees, as Linux lists them; nothing where there is no such list.

    See proc_pid_mountinfo(5).
    """
    try:
        return Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def refuse_network(file: Path, mounts: str) -> None:
    """Raise `WrongPlace` for a database file on a network file system, unless a setting allows it.

    *mounts* is what `mount_table` gives.
    """
    kind = file_system(file, mounts)
    if kind is None or kind.removeprefix("fuse.") not in _REMOTE or SQLITE_ON_NETWORK.get():
        return
    raise WrongPlace(
        f"{file} is on a network file system ({kind}), where SQLite's locks do not hold and "
        "databases get damaged. Put it on a local disk, use PostgreSQL or MySQL, or, when only one "
        f"host will ever open it, set {SQLITE_ON_NETWORK.name}=true."
    )


def file_system(path: Path, mounts: str) -> str | None:
    """The kind of the file system that *path* is on, or will be; None when *mounts* do not say."""
    real = os.path.realpath(path)
    found, longest = None, 0
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not source:  # noqa: PLR2004 - the mount point is the fifth
            continue
        point = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4])
        # A later mount at the same point hides the earlier one.
        if len(point) >= longest and (real + "/").startswith(point.rstrip("/") + "/"):
            found, longest = source.split(" ")[0], len(point)
    return found
