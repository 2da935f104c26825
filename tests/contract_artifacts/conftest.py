"""The artifact stores under test: every test of this folder that asks for one runs on each."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import msgspec
import pytest

from millrace.artifacts.protocols import ArtifactStore
from tests.artifact_servers import (
    S3Server,
    SftpServer,
    make_azure_container,
    make_gcs_bucket,
    make_s3_bucket,
    private_azurite,
    private_gcs,
    private_moto,
    private_pyftpdlib,
    private_sshd,
    private_swift,
    private_vsftpd,
    served,
)
from tests.contract_artifacts.places import PLACES, Place
from tests.services import private_millrace, private_mlflow, unavailable


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param](request)


@pytest.fixture
def store(place: Place) -> Iterator[ArtifactStore]:
    opened = place.open()
    yield opened
    opened.close()


# --- servers: one for the session, with one bucket; each test has a folder of its own in it ------
# No hyphen: moto cannot tell such a bucket from the key in what Google's clients send.
NAME = f"millracetest{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    for server in served(
        "s3", lambda told: msgspec.json.decode(told, type=S3Server), private_swift
    ):
        make_s3_bucket(server, NAME)
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    return _s3(s3_server, monkeypatch)


@pytest.fixture(scope="session")
def s3_moto_server() -> Iterator[S3Server]:
    for server in served(
        "s3_moto", lambda told: msgspec.json.decode(told, type=S3Server), private_moto
    ):
        make_s3_bucket(server, NAME)
        yield server


@pytest.fixture
def s3_moto(s3_moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    return _s3(s3_moto_server, monkeypatch)


def _s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("AWS_REGION", server.region)
    return f"s3://{NAME}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def azure_server() -> Iterator[str]:
    for server in served("azure", str, private_azurite):
        make_azure_container(server, NAME)
        yield server


@pytest.fixture
def azure(azure_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_server)
    return f"az://{NAME}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    for server in served("gcs", str, private_gcs):
        make_gcs_bucket(server, NAME)
        yield server


@pytest.fixture
def gcs(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server)
    return f"gs://{NAME}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def sftp_server() -> Iterator[SftpServer]:
    yield from served("sftp", lambda told: msgspec.json.decode(told, type=SftpServer), private_sshd)


@pytest.fixture
def sftp(sftp_server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MILLRACE_SFTP_KNOWN_HOSTS", sftp_server.known_hosts)
    monkeypatch.setenv("MILLRACE_SFTP_KEY_FILE", sftp_server.key)
    return f"{sftp_server.uri}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def ftp_server() -> Iterator[str]:
    yield from served("ftp", str, private_vsftpd)


@pytest.fixture(scope="session")
def ftp_mlsd_server() -> Iterator[str]:
    yield from served("ftp_mlsd", str, private_pyftpdlib)


@pytest.fixture
def ftp_mlsd(ftp_mlsd_server: str) -> str:
    return f"{ftp_mlsd_server}/{uuid.uuid4().hex}"


@pytest.fixture
def ftp(ftp_server: str) -> str:
    return f"{ftp_server}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def millrace_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("millrace")
    with private_millrace(folder, "--artifacts-destination", str(folder / "artifacts")) as url:
        yield url


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(private_mlflow(tmp_path_factory.mktemp("mlflow")))
        except LookupError as error:
            unavailable("mlflow", str(error))
        yield url
