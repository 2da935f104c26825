"""SQLite on a network file system is refused: the table of mounts says where files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.stores.open import open_stores
from millrace.stores.places import WrongPlace
from millrace.stores.sql.mounts import file_system, mount_table, refuse_network

TABLE = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:44 / /mnt/nfs rw,relatime shared:7 master:1 - nfs4 host:/export rw,vers=4.2
41 40 254:1 / /mnt/nfs/local rw - xfs /dev/vdb rw
42 27 0:45 / /mnt/with\040blank rw - cifs //host/share rw
43 27 0:46 / /mnt/ssh rw - fuse.sshfs ada@host: rw
44 27 0:47 / /mnt/ntfs rw - fuse.ntfs-3g /dev/vdc rw
45 27 0:48 / /mnt/hidden rw - nfs host:/a rw
46 27 254:3 / /mnt/hidden rw - ext4 /dev/vdd rw
47 27 0:49 / /mnt/vm rw - 9p share rw
48 27 0:50 / /mnt/nfs\134x rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x.db", "ext4"),
        ("/mnt/nfs/a/x.db", "nfs4"),
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfsx/x.db", "ext4"),
        ("/mnt/nfs/local/x.db", "xfs"),
        ("/mnt/nfs/local/../x.db", "nfs4"),
        ("/mnt/with blank/x.db", "cifs"),
        ("/mnt/hidden/x.db", "ext4"),
        ("/mnt/nfs\\x/x.db", "tmpfs"),
    ],
)
def test_a_file_is_on_the_innermost_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), TABLE) == kind


@pytest.mark.parametrize("mounts", ["", "\n", "a line of another kind", "1 2 3 - x"])
def test_what_the_table_does_not_say_is_not_known(mounts: str) -> None:
    assert file_system(Path("/x.db"), mounts) is None
    refuse_network(Path("/x.db"), mounts)


def test_a_link_leads_to_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/mnt/nfs/a")

    assert file_system(tmp_path / "link" / "x.db", TABLE) == "nfs4"


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("nfs", "nfs4"), ("with blank", "cifs"), ("ssh", "fuse.sshfs"), ("vm", "9p")],
)
def test_a_network_file_system_is_refused(folder: str, kind: str) -> None:
    with pytest.raises(WrongPlace) as caught:
        refuse_network(Path("/mnt") / folder / "m.db", TABLE)

    assert f"({kind})" in caught.value.message
    assert "MILLRACE_SQLITE_ON_NETWORK=true" in caught.value.message


@pytest.mark.parametrize("folder", ["", "nfs/local", "ntfs", "hidden"])
def test_a_local_one_is_not(folder: str) -> None:
    refuse_network(Path("/mnt") / folder / "m.db", TABLE)


def test_who_knows_better_may_force_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_SQLITE_ON_NETWORK", "true")

    refuse_network(Path("/mnt/nfs/m.db"), TABLE)


def test_this_machine_is_asked_when_a_file_is_opened(tmp_path: Path) -> None:
    kind = file_system(tmp_path, mount_table())
    if kind is None:
        pytest.skip("no table of mounts here")

    assert kind in mount_table()
    open_stores(f"sqlite:///{tmp_path / 'm.db'}").close()
