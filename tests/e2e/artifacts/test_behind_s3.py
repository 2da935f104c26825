"""The artifact proxy in front of a store in a cloud: parts, signed URLs, and what it compares."""

from __future__ import annotations

import hashlib
import http.client
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from millrace.artifacts.open import open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from tests.artifact_servers import S3Server, make_s3_bucket, private_moto, served
from tests.services import clean_environment, private_millrace
from tests.unit.client.scenes import until
from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, done, ok, refused

PROXY = "/api/2.0/mlflow-artifacts"
BUCKET = f"millraceproxy{uuid.uuid4().hex[:12]}"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3Server]:
    for server in served(
        "s3_moto", lambda told: msgspec.json.decode(told, type=S3Server), private_moto
    ):
        make_s3_bucket(server, BUCKET)
        yield server


@pytest.fixture(scope="module")
def variables(bucket: S3Server) -> dict[str, str]:
    return {
        "MLFLOW_S3_ENDPOINT_URL": bucket.endpoint,
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
        "AWS_REGION": bucket.region,
    }


@pytest.fixture(scope="module")
def api(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(
        tmp_path_factory.mktemp("proxy"),
        "--artifacts-destination",
        f"s3://{BUCKET}/ml",
        environment=clean_environment(**variables),
    ) as url:
        yield Api(url)


@pytest.fixture
def inside(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactStore]:
    """The store itself, past the server."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = open_artifacts(f"s3://{BUCKET}/ml")
    yield store
    store.close()


@pytest.fixture
def home(api: Api) -> str:
    uri: str = build.info(api, build.add_run(api, build.add_experiment(api)))["artifact_uri"]
    return uri.removeprefix("mlflow-artifacts:/")


def started(api: Api, home: str, count: int) -> dict[str, Any]:
    asked = {"path": "/home/ada/big.bin", "num_parts": count}
    found: dict[str, Any] = ok(api.post(f"{PROXY}/mpu/create/{home}", asked))
    assert [one["part_number"] for one in found["credentials"]] == list(range(1, count + 1))
    return found


def sent(credential: dict[str, Any], body: bytes) -> dict[str, Any]:
    answer = urllib3.request(
        "PUT", credential["url"], body=body, headers=credential.get("headers", {}), timeout=60
    )
    assert answer.status == 200, answer.data
    return {"part_number": credential["part_number"], "etag": answer.headers["etag"],
            "url": credential["url"]}  # fmt: skip


def test_a_file_in_parts_past_the_server(api: Api, home: str) -> None:
    """R13: any order, one part twice, and completed twice."""
    bodies = [os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(17)]
    upload = started(api, home, 3)
    parts = [sent(upload["credentials"][n], bodies[n]) for n in (2, 0, 1, 0)][:3]
    asked = {"path": "/home/ada/big.bin", "upload_id": upload["upload_id"], "parts": parts}

    assert api.get(f"{PROXY}/artifacts/{home}/big.bin").status == 404
    for _ in range(2):
        ok(api.post(f"{PROXY}/mpu/complete/{home}", asked))

    assert api.get(f"{PROXY}/artifacts/{home}/big.bin").body == b"".join(bodies)
    assert ok(api.get("/api/3.0/mlflow/server-info"))["multipart_uploads_enabled"] is True


def put_in_parts(api: Api, home: str, body: bytes, **told: object) -> Reply:
    """Sent past the server in two parts, and completed with what is *told* of the whole."""
    upload = started(api, home, 2)
    pieces = (body[: 5 * MIB], body[5 * MIB :])
    parts = [
        sent(credential, piece)
        for credential, piece in zip(upload["credentials"], pieces, strict=True)
    ]
    asked = {"path": "big.bin", "upload_id": upload["upload_id"], "parts": parts}
    return api.post(f"{PROXY}/mpu/complete/{home}", asked | told)


def test_a_file_in_parts_has_the_digest_that_its_client_tells(
    api: Api, home: str, inside: ArtifactStore
) -> None:
    """It is compared with each full reading, although the server has not seen the bytes."""
    body = os.urandom(6 * MIB)
    digest = hashlib.sha256(body).hexdigest()

    done(put_in_parts(api, home, body, size=len(body), sha256=digest.upper()))
    got = api.get(f"{PROXY}/artifacts/{home}/big.bin")

    assert got.body == body
    assert got.headers["etag"] == f'"{digest}"'
    inside.put(f"{home}/big.bin", [body[:-1], b"?" if body[-1:] != b"?" else b"!"])
    with pytest.raises(http.client.IncompleteRead):
        api.get(f"{PROXY}/artifacts/{home}/big.bin")


@pytest.mark.parametrize("is_there", [False, True])
def test_parts_of_another_length_leave_what_was_there(api: Api, home: str, is_there: bool) -> None:
    """The older version, and what is recorded of it."""
    if is_there:
        assert api.request("PUT", f"{PROXY}/artifacts/{home}/big.bin", body=b"old").status == 200
    before = api.get(f"{PROXY}/artifacts/{home}/big.bin")
    body = os.urandom(5 * MIB + 1)

    told = {"size": len(body) - 1, "sha256": hashlib.sha256(body).hexdigest()}
    refused(put_in_parts(api, home, body, **told), INVALID, str(len(body)))

    after = api.get(f"{PROXY}/artifacts/{home}/big.bin")
    assert (after.status, after.headers.get("etag")) == (before.status, before.headers.get("etag"))
    assert after.body == b"old" or not is_there


def tag_once_read(api: Api, home: str) -> str:
    """The entity tag of the file when the server has read it back."""
    until(lambda: "repr-digest" in looked_at(api, home).headers, within_s=60)
    return looked_at(api, home).headers["etag"]


def looked_at(api: Api, home: str) -> Reply:
    return api.request("HEAD", f"{PROXY}/artifacts/{home}/big.bin")


def test_a_file_in_parts_of_a_client_that_tells_no_digest_is_read_back(
    api: Api, home: str, inside: ArtifactStore
) -> None:
    """The digest is what the store has; it takes the place of that of an older version."""
    bodies = [os.urandom(5 * MIB + 7), os.urandom(5 * MIB + 7)]
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]

    for body, digest in zip(bodies, digests, strict=True):
        done(put_in_parts(api, home, body))
        assert tag_once_read(api, home) == f'"{digest}"'
    assert api.get(f"{PROXY}/artifacts/{home}/big.bin").body == bodies[1]
    inside.put(f"{home}/big.bin", [bodies[0]])

    with pytest.raises(http.client.IncompleteRead):
        api.get(f"{PROXY}/artifacts/{home}/big.bin")


def test_parts_with_other_bytes_than_told_are_found_damaged(api: Api, home: str) -> None:
    """Before anybody asks for them."""
    body = os.urandom(5 * MIB + 7)

    done(put_in_parts(api, home, body, size=len(body), sha256="0" * 64))

    until(lambda: looked_at(api, home).status != 200, within_s=60)
    assert api.get(f"{PROXY}/artifacts/{home}/big.bin").error_code == "DATA_LOSS"


def test_bytes_that_are_here_need_no_upload(api: Api, home: str, inside: ArtifactStore) -> None:
    """They are copied within the store, and compared."""
    body = os.urandom(MIB)
    asked = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
    adopt = "artifacts/adopt"

    before = ok(api.post(adopt, asked | {"artifact_path": f"{home}/b"}))
    api.request("PUT", f"{PROXY}/artifacts/{home}/a", body=body)
    after = ok(api.post(adopt, asked | {"artifact_path": f"{home}/b"}))
    inside.put(f"{home}/a", [b"?" * MIB])
    inside.put(f"{home}/b", [b"?" * MIB])
    damaged = ok(api.post(adopt, asked | {"artifact_path": f"{home}/c"}))

    assert (before, after) == ({"adopted": False}, {"adopted": True})
    assert damaged == {"adopted": False}
    assert api.get(f"{PROXY}/artifacts/{home}/c").status == 404


def test_files_are_taken_one_by_one(api: Api, home: str) -> None:
    """Bundles are for disks; clients are told, and other clients hear it."""
    info = ok(api.get("/api/3.0/mlflow/server-info"))
    reply = api.get(f"{PROXY}/bundle/{home}")

    assert info["artifact_bundles_supported"] is False
    assert (reply.status, reply.json["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_an_upload_that_is_given_up_leaves_nothing(api: Api, home: str) -> None:
    upload = started(api, home, 1)
    sent(upload["credentials"][0], b"x" * 10)

    ok(api.post(f"{PROXY}/mpu/abort/{home}",
                {"path": "big.bin", "upload_id": upload["upload_id"]}))  # fmt: skip

    assert api.get(f"{PROXY}/artifacts/{home}/big.bin").status == 404


@pytest.mark.parametrize(
    "parts",
    [[], [{"part_number": 0, "etag": "e"}], [{"part_number": 10_001, "etag": "e"}],
     [{"part_number": 1, "etag": "e"}, {"part_number": 1, "etag": "f"}]],
)  # fmt: skip
def test_parts_that_cannot_be_are_refused(
    api: Api, home: str, parts: list[dict[str, object]]
) -> None:
    """S55."""
    upload = started(api, home, 2)

    reply = api.post(f"{PROXY}/mpu/complete/{home}",
                     {"path": "big.bin", "upload_id": upload["upload_id"],
                      "parts": parts})  # fmt: skip

    assert (reply.status, reply.error_code) == (400, "INVALID_PARAMETER_VALUE")


def test_ids_of_other_uploads_are_refused(api: Api, home: str) -> None:
    upload = started(api, home, 1)
    part = sent(upload["credentials"][0], b"x" * 10)

    for path, upload_id in (("other.bin", upload["upload_id"]), ("big.bin", "nobody-issued-this")):
        asked = {"path": path, "upload_id": upload_id}
        for step, more in (("complete", {"parts": [part]}), ("abort", {})):
            refused(api.post(f"{PROXY}/mpu/{step}/{home}", asked | more), INVALID, "upload_id")
    assert api.get(f"{PROXY}/artifacts/{home}/other.bin").status == 404


def test_a_signed_download(api: Api, home: str) -> None:
    api.request("PUT", f"{PROXY}/artifacts/{home}/x", body=b"hello")

    signed = ok(api.get(f"{PROXY}/presigned/{home}/x"))

    assert signed["file_size"] == 5
    got = urllib3.request("GET", signed["url"], headers=signed.get("headers", {}), timeout=60)
    assert got.data == b"hello"
    assert api.get(f"{PROXY}/presigned/{home}/none").status == 404


def test_damage_in_the_store_shows(api: Api, home: str, inside: ArtifactStore) -> None:
    body = os.urandom(3 * MIB)
    assert api.request("PUT", f"{PROXY}/artifacts/{home}/x", body=body).status == 200
    assert api.get(f"{PROXY}/artifacts/{home}/x").body == body
    inside.put(f"{home}/x", [body[:-1] + bytes([body[-1] ^ 1])])

    with pytest.raises(http.client.IncompleteRead):
        api.get(f"{PROXY}/artifacts/{home}/x")

    assert api.get(f"{PROXY}/artifacts/{home}/x").error_code == "DATA_LOSS"


def test_ranges_listings_and_deletion(api: Api, home: str) -> None:
    body = os.urandom(2 * MIB)
    for name in ("a", "d/b"):
        api.request("PUT", f"{PROXY}/artifacts/{home}/{name}", body=body)

    part = api.get(f"{PROXY}/artifacts/{home}/a", range="bytes=100-1048675")
    assert (part.status, part.body) == (206, body[100:1_048_676])
    listed = ok(api.get(f"{PROXY}/artifacts", {"path": home}))["files"]
    assert [one["path"] for one in listed] == ["a", "d"]
    assert api.get(f"{PROXY}/artifacts/{home}/d").status == 400
    ok(api.request("DELETE", f"{PROXY}/artifacts/{home}/d"))
    assert api.get(f"{PROXY}/artifacts/{home}/d/b").status == 404


def test_a_store_that_is_away_is_told(variables: dict[str, str], tmp_path: Path) -> None:
    """R31: an answer within the budget, and nothing that names keys or secrets."""
    away = variables | {"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    with private_millrace(
        tmp_path, "--artifacts-destination", f"s3://{BUCKET}/ml",
        environment=clean_environment(**away),
    ) as url:  # fmt: skip
        api = Api(url, timeout_s=90)
        for method in ("PUT", "GET"):
            reply = api.request(method, f"{PROXY}/artifacts/0/r/x", body=b"x")
            assert (reply.status, reply.error_code) == (503, "TEMPORARILY_UNAVAILABLE")
            assert variables["AWS_SECRET_ACCESS_KEY"] not in reply.text
        assert api.get("/health").status == 200
