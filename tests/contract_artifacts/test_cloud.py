"""What stores in a cloud do beyond files: signed URLs, uploads in parts, and their own faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import urllib3

from millrace.artifacts.azure import AzureArtifacts
from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore, Multipart, Part, SignedUrl, Signs
from millrace.artifacts.s3 import S3Artifacts
from millrace.core.errors import (
    AlreadyExists,
    InvalidArgument,
    MillraceError,
    NotSupported,
    PermissionDenied,
    Unavailable,
)
from tests.contract_artifacts.places import KEYED, Place
from tests.contract_artifacts.tree import files, generated, names, read
from tests.services import free_port

CLOUDS = sorted(KEYED)
SIGNING = ["azure", "s3", "s3-moto"]
MIB = 1024 * 1024

on_clouds = pytest.mark.parametrize("place", CLOUDS, indirect=True)
on_signing = pytest.mark.parametrize("place", SIGNING, indirect=True)


def send(signed: SignedUrl, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
    answer = urllib3.request(
        signed.method, signed.url, headers=signed.headers, body=body, timeout=60
    )
    assert answer.status in {200, 201}, answer.data
    return answer


@on_signing
@pytest.mark.parametrize("key", ["folder/a+b&c.bin", "folder/ünï code%.bin"])
def test_a_signed_url_lets_its_holder_write_and_read(store: ArtifactStore, key: str) -> None:
    """Azure cannot sign every name, and says so."""
    assert isinstance(store, Signs)
    if isinstance(store, AzureArtifacts) and not key.isascii():
        with pytest.raises(NotSupported):
            store.sign(key, "PUT", ttl_s=60)
        return

    send(store.sign(key, "PUT", ttl_s=60), b"content")

    assert files(store) == {key: b"content"}
    assert send(store.sign(key, "GET", ttl_s=60)).data == b"content"


@pytest.mark.parametrize("place", ["azure", "s3"], indirect=True)
def test_a_signed_url_is_good_for_nothing_else(store: ArtifactStore) -> None:
    assert isinstance(store, Signs)
    store.put("file", [b"x"])
    signed = store.sign("file", "GET", ttl_s=60)

    for method, url in (
        ("PUT", signed.url),
        ("DELETE", signed.url),
        ("GET", signed.url.replace("/file?", "/other?")),
    ):
        headers = {"x-ms-blob-type": "BlockBlob"}
        answer = urllib3.request(method, url, headers=headers, body=b"", retries=False, timeout=60)
        assert answer.status == 403

    assert files(store) == {"file": b"x"}


@on_signing
def test_a_large_file_in_signed_parts(store: ArtifactStore) -> None:
    """R13: in any order, one of them twice, and completed twice."""
    assert isinstance(store, Multipart)
    content = b"".join(generated(12 * MIB))
    pieces = [content[: 5 * MIB], content[5 * MIB : 10 * MIB], content[10 * MIB :]]

    upload, urls = store.start_parts("folder/large", 3, ttl_s=60)
    parts = []
    for at in (2, 0, 1, 0):
        answer = send(urls[at], pieces[at])
        parts = [part for part in parts if part.number != at + 1]
        parts.append(Part(number=at + 1, etag=answer.headers.get("etag", "")))
    assert names(store) == []
    store.finish_parts("folder/large", upload, parts)
    store.finish_parts("folder/large", upload, parts)

    assert read(store, "folder/large") == content


@on_signing
def test_parts_of_another_length_leave_what_was_there(store: ArtifactStore) -> None:
    """They may be sent again, and completed then."""
    assert isinstance(store, Multipart)
    store.put("large", [b"old"])
    upload, urls = store.start_parts("large", 2, ttl_s=60)
    pieces = [b"x" * 5 * MIB, b"y" * 100]
    parts = [
        Part(number=number, etag=send(signed, piece).headers.get("etag", ""))
        for number, (signed, piece) in enumerate(zip(urls, pieces, strict=True), start=1)
    ]
    size = sum(map(len, pieces))

    for wrong in (0, size - 1, size + 1):
        with pytest.raises(InvalidArgument, match=f"{size} bytes.*{wrong}"):
            store.finish_parts("large", upload, parts, size=wrong)
        assert files(store) == {"large": b"old"}
    for _ in range(2):
        store.finish_parts("large", upload, parts, size=size)

    assert read(store, "large") == b"".join(pieces)


@on_signing
def test_parts_that_are_given_up_are_never_seen(store: ArtifactStore) -> None:
    assert isinstance(store, Multipart)
    upload, urls = store.start_parts("large", 2, ttl_s=60)
    send(urls[0], b"x" * 100)

    store.abort_parts("large", upload)
    store.abort_parts("large", upload)

    assert files(store) == {}


@pytest.mark.parametrize("place", ["s3", "s3-moto"], indirect=True)
def test_a_cut_upload_leaves_no_parts(store: ArtifactStore) -> None:
    """Nobody would see them, and somebody would pay for them."""
    assert isinstance(store, S3Artifacts)

    def cut() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * MIB
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put("large", cut())

    answer = store._send("GET", "", {"uploads": ""})
    assert b"ListMultipartUploadsResult" in answer
    assert store._key("large").encode() not in answer  # others use the bucket, too


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_parts_that_were_never_sent_make_no_file(store: ArtifactStore) -> None:
    assert isinstance(store, Multipart)
    upload, _ = store.start_parts("large", 1, ttl_s=60)

    with pytest.raises(MillraceError):
        store.finish_parts("large", upload, [Part(number=1, etag="0" * 32)])
    with pytest.raises(MillraceError):
        store.finish_parts("large", "no-such-upload", [Part(number=1, etag="0" * 32)])

    assert files(store) == {}


@on_clouds
def test_a_large_file_that_must_be_new(store: ArtifactStore) -> None:
    """Too large for one request, and still only where there is none."""
    store.put("large", generated(17 * MIB), replace=False)

    with pytest.raises(AlreadyExists):
        store.put("large", generated(18 * MIB), replace=False)

    assert [(info.path, info.file_size) for info in store.list()] == [("large", 17 * MIB)]
    known = store.stat("large")
    assert known is not None
    assert known.size == 17 * MIB


@on_clouds
def test_a_large_file_is_copied_within_a_store(store: ArtifactStore) -> None:
    """What is read may come out of the very driver that is writing."""
    body = b"".join(generated(20 * MIB))
    store.put("from", [body])

    store.put("to", store.get("from"))

    assert read(store, "to") == body


@on_clouds
def test_the_digest_is_kept_beside_the_object(store: ArtifactStore) -> None:
    small = store.put("small", [b"x"])
    wanted = store.put("large", generated(9 * MIB)).sha256
    large = store.put("large", generated(9 * MIB), sha256=wanted)

    known = store.stat("small"), store.stat("large")

    assert [each.sha256 for each in known if each] == [small.sha256, large.sha256]


@on_clouds
def test_a_bucket_that_is_not_there(place: Place) -> None:
    scheme, _, rest = place.uri.partition("://")
    bucket = rest.partition("/")[0]
    store = replace(place, uri=f"{scheme}://{bucket[:-1]}x/folder").open()

    for call in (
        lambda: store.put("file", [b"x"]),
        lambda: list(store.list()),
    ):
        with pytest.raises(InvalidArgument, match="no such bucket or container"):
            call()


WRONG = {
    "s3": ("AWS_SECRET_ACCESS_KEY", "wr0ng"),
    "azure": (
        "AZURE_STORAGE_CONNECTION_STRING",
        "AccountName=devstoreaccount1;AccountKey=d3IwbmcK;BlobEndpoint={endpoint}",
    ),
}


@pytest.mark.parametrize("place", list(WRONG), indirect=True)
def test_wrong_credentials(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they are is not told."""
    kind = "azure" if place.uri.startswith("az:") else "s3"
    name, value = WRONG[kind]
    if kind == "azure":
        told = request.getfixturevalue("azure_server")
        endpoint = re.search(r"BlobEndpoint=([^;]+)", told)
        assert endpoint
        value = value.format(endpoint=endpoint[1])
    monkeypatch.setenv(name, value)
    store = place.open()

    for call in (
        lambda: store.put("file", [b"x"]),
        lambda: store.put("large", generated(20 * MIB)),
        lambda: store.get("file"),
        lambda: store.stat("file"),
        lambda: list(store.list()),
        lambda: store.delete("file"),
    ):
        with pytest.raises(PermissionDenied) as caught:
            call()
        assert "wr0ng" not in caught.value.message
        assert "d3IwbmcK" not in caught.value.message


def test_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    store = open_artifacts("s3://bucket/folder", Reach(patience_s=0.5))

    for call in (
        lambda: store.put("file", [b"x"]),
        lambda: store.put("large", generated(20 * MIB)),
        lambda: store.get("file"),
        lambda: store.stat("file"),
        lambda: list(store.list()),
        lambda: store.delete("file"),
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        assert "s3cret" not in caught.value.message
