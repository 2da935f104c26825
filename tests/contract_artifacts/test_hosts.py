"""What SFTP and FTP do beyond files: whom they trust, links, and their own faults."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from millrace.artifacts.open import open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from millrace.http.faults import Untrusted
from tests.artifact_servers import SftpServer, private_pyftpdlib
from tests.contract_artifacts.places import Place
from tests.contract_artifacts.tree import files, generated, names, read
from tests.services import free_port


def test_a_host_that_is_not_known_is_refused_with_the_way_to_add_it(
    sftp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_SFTP_KNOWN_HOSTS", str(tmp_path / "known"))

    with pytest.raises(Untrusted, match="ssh-keyscan -p"):
        open_artifacts(sftp)


def test_a_host_with_another_key_is_refused(
    sftp: str, sftp_server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True
    )
    host = Path(sftp_server.known_hosts).read_text().split()[0]
    key = (tmp_path / "other.pub").read_text()
    (tmp_path / "known").write_text(f"{host} {key}")
    monkeypatch.setenv("MILLRACE_SFTP_KNOWN_HOSTS", str(tmp_path / "known"))

    with pytest.raises(Untrusted, match="another"):
        open_artifacts(sftp)


def test_a_login_that_is_not_accepted(
    sftp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "mine")], check=True
    )
    monkeypatch.setenv("MILLRACE_SFTP_KEY_FILE", str(tmp_path / "mine"))

    with pytest.raises(PermissionDenied, match="MILLRACE_SFTP_KEY_FILE"):
        open_artifacts(sftp)


def test_a_wrong_password_is_not_shown(ftp_mlsd: str) -> None:
    store = open_artifacts(ftp_mlsd.replace("s3cret", "wr0ng"))

    with pytest.raises(PermissionDenied) as caught:
        store.put("file", [b"x"])

    assert "wr0ng" not in caught.value.message


@pytest.mark.parametrize("scheme", ["sftp", "ftp", "ftps"])
def test_a_host_that_is_away(scheme: str) -> None:
    with pytest.raises(Unavailable) as caught:
        list(open_artifacts(f"{scheme}://me:s3cret@127.0.0.1:{free_port()}/x").list())

    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("place", ["sftp", "ftp"], indirect=True)
def test_links_of_a_server_lead_nowhere(
    place: Place, store: ArtifactStore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """S8, S11: in every position, for every verb."""
    store.put("inside/file", [b"x"])
    root = _root(place, request)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (root / "to-folder").symlink_to(tmp_path / "outside")
    (root / "to-file").symlink_to(tmp_path / "outside" / "secret")
    (root / "relative").symlink_to("inside")

    for path in ("to-folder/secret", "relative/file"):
        with pytest.raises(NotFound):
            store.get(path)
        assert store.stat(path) is None
        assert store.delete(path) == 0
    assert names(store, "to-folder") == names(store, "relative") == []
    for path in ("to-folder/new", "relative/new"):
        with pytest.raises((InvalidArgument, PermissionDenied)):
            store.put(path, [b"y"])
    assert (tmp_path / "outside" / "secret").read_text() == "secret"
    assert [each.name for each in (tmp_path / "outside").iterdir()] == ["secret"]


def _root(place: Place, request: pytest.FixtureRequest) -> Path:
    """The folder of this machine that a server of our own keeps *place* in."""
    path = urlsplit(place.uri).path
    if place.uri.startswith("sftp:"):
        return Path(path)
    return next(Path("/").glob(f"tmp/mr-ftp-*/root{path}"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that signs itself, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    files_ = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *files_, *subject], check=True, capture_output=True)
    whole = folder / "whole.pem"
    whole.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return whole


@pytest.fixture(scope="module")
def ftps_server(certificate: Path, tmp_path_factory: pytest.TempPathFactory):
    with private_pyftpdlib(tmp_path_factory.mktemp("ftps"), certificate) as uri:
        yield uri


def test_a_certificate_that_nobody_vouches_for_is_refused(ftps_server: str) -> None:
    with pytest.raises(Untrusted, match="certificate"):
        list(open_artifacts(ftps_server).list())


def test_files_over_tls(
    ftps_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    store = open_artifacts(f"{ftps_server}/folder")

    store.put("a/large", generated(3_000_000))
    store.put("a/small", [b"x"])

    assert len(read(store, "a/large")) == 3_000_000
    assert read(store, "a/large", 5, 10) == b"".join(generated(10))[5:]
    assert store.delete("a/large") == 1
    assert files(store) == {"a/small": b"x"}
    store.close()


@pytest.mark.parametrize(
    "uri", ["sftp:///x", "ftp:///x", "sftp://h/a/../b", "ftp://h/a%0d%0aDELE", "ftp://h:0/x"]
)
def test_what_names_no_folder_of_a_server(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri)


@pytest.mark.parametrize("place", ["ftp", "ftp-mlsd"], indirect=True)
def test_a_name_is_no_command(store: ArtifactStore) -> None:
    for call in (store.get, store.stat, store.delete, store.list):
        with pytest.raises(InvalidArgument):
            call("a\r\nDELE b")
    with pytest.raises(InvalidArgument):
        store.put("a\r\nDELE b", [b"x"])
