"""Artifacts over HTTP: whole or not at all, right or not at all, and never outside the root."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import random
import socket
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import pytest

from millrace.core.bundles import END, MEDIA_TYPE
from tests.services import LOOPBACK, private_millrace
from tests.wire import build
from tests.wire.client import Api, RawReply, Reply
from tests.wire.expect import INVALID, MISSING, clean_error, done, ok, refused

PROXY = "/api/2.0/mlflow-artifacts"
BUNDLED = {"Content-Type": MEDIA_TYPE}
LARGE = 3 * 1024 * 1024 + 17


class Site(NamedTuple):
    """A server of our own and the folder that it keeps artifacts in."""

    api: Api
    root: Path

    def put(self, path: str, body: bytes = b"hello", **headers: str) -> Reply:
        target = f"{PROXY}/artifacts/{quote(path)}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request("PUT", target, body=body, headers=named)

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        target = f"{PROXY}/artifacts/{quote(path)}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request(method, target, headers=named)

    def names(self, path: str) -> list[str]:
        listed = ok(self.api.get(f"{PROXY}/artifacts", {"path": path}))
        return [entry["path"] for entry in listed.get("files", ())]

    def kept(self) -> set[str]:
        """All files below the root, staging too."""
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("artifacts")
    with private_millrace(folder) as url:
        yield Site(Api(url), folder / "mlartifacts")


@pytest.fixture
def run(site: Site) -> str:
    return build.add_run(site.api, build.add_experiment(site.api))


@pytest.fixture
def home(site: Site, run: str) -> str:
    """The path of a new run below the root."""
    uri: str = build.info(site.api, run)["artifact_uri"]
    return uri.removeprefix("mlflow-artifacts:/")


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def repr_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


# What goes in comes out


@pytest.mark.parametrize("size", [0, 1, 4096, 256 * 1024, 256 * 1024 + 1, LARGE])
def test_bytes_come_back_with_their_digest(site: Site, home: str, size: int) -> None:
    body = os.urandom(size)

    put = site.put(f"{home}/d/x.bin", body)
    got = site.get(f"{home}/d/x.bin")

    assert (put.status, put.body) == (200, b"")
    assert (got.status, got.body) == (200, body)
    for reply in (put, got):
        assert reply.headers["etag"] == f'"{sha256(body)}"'
        assert reply.headers["repr-digest"] == repr_digest(body)
    assert got.headers["content-length"] == str(size)


def test_a_body_in_chunks_has_no_announced_length(site: Site, home: str) -> None:
    pieces = [os.urandom(100_000) for _ in range(30)]

    reply = site.api.request("PUT", f"{PROXY}/artifacts/{home}/x", body=iter(pieces))

    assert reply.status == 200
    assert site.get(f"{home}/x").body == b"".join(pieces)


def test_names_of_any_script_and_encoded_slashes(site: Site, home: str) -> None:
    name = "größe 日本語 🙂 #1;a=b?c 100%.txt"

    assert site.put(f"{home}/d/{name}").status == 200
    encoded = f"{PROXY}/artifacts/" + quote(f"{home}/d/{name}", safe="")

    assert site.api.get(encoded).body == b"hello"
    assert site.names(f"{home}/d") == [name]


def test_a_listing_is_one_level_by_name(site: Site, home: str) -> None:
    for name in ("b", "a.txt", "d/x", "empty"):
        put = site.put(f"{home}/{name}", b"" if name == "empty" else b"hello")
        assert put.status == 200, put

    listed = ok(site.api.get(f"{PROXY}/artifacts", {"path": home}))

    assert listed == {
        "files": [
            {"path": "a.txt", "is_dir": False, "file_size": 5},
            {"path": "b", "is_dir": False, "file_size": 5},
            {"path": "d", "is_dir": True},
            {"path": "empty", "is_dir": False},
        ]
    }
    assert ok(site.api.get(f"{PROXY}/artifacts", {"path": f"{home}/b"})) == {}
    assert ok(site.api.get(f"{PROXY}/artifacts", {"path": f"{home}/none"})) == {}


def test_a_run_lists_its_own_paths(site: Site, run: str, home: str) -> None:
    for name in ("a.txt", "d/b.json"):
        site.put(f"{home}/{name}")

    listed = ok(site.api.get("artifacts/list", {"run_id": run, "path": "d"}))
    root = ok(site.api.get("artifacts/list", {"run_uuid": run}))

    assert listed["root_uri"] == f"mlflow-artifacts:/{home}"
    assert [entry["path"] for entry in listed["files"]] == ["d/b.json"]
    assert [entry["path"] for entry in root["files"]] == ["a.txt", "d"]
    refused(site.api.get("artifacts/list", {"run_id": "0" * 32}), MISSING)


def test_deleting_takes_files_and_folders_and_may_be_repeated(site: Site, home: str) -> None:
    for name in ("a", "d/b", "d/e/c"):
        site.put(f"{home}/{name}")

    for path in ("d", "d", "none"):
        done(site.api.request("DELETE", f"{PROXY}/artifacts/{home}/{path}"))

    assert site.names(home) == ["a"]
    refused(site.get(f"{home}/d/b"), MISSING)


def test_a_folder_and_a_missing_file_are_told_apart(site: Site, home: str) -> None:
    site.put(f"{home}/d/x")

    refused(site.get(f"{home}/d"), INVALID, "folder")
    refused(site.get(f"{home}/none"), MISSING)
    refused(site.put(f"{home}/d"), INVALID, "folder")
    refused(site.put(f"{home}/d/x/y"), INVALID)
    assert site.get(f"{home}/d/x").body == b"hello"


# Other ways to the same files


def test_a_file_of_a_run_and_its_upload_by_a_page(site: Site, run: str, home: str) -> None:
    target = "/ajax-api/2.0/mlflow/upload-artifact"
    asked = {"run_id": run, "path": "d/x.txt"}

    reply = site.api.request("POST", target, query=asked, body=b"hi")

    assert (reply.status, reply.body) == (200, b"")
    assert site.get(f"{home}/d/x.txt").body == b"hi"
    got = site.api.get("/get-artifact", {"run_uuid": run, "path": "d/x.txt"})
    assert (got.status, got.body, got.headers["cache-control"]) == (200, b"hi", "no-cache")
    refused(site.api.request("POST", target, query=asked, body=b""), INVALID, "empty")
    big = b"x" * (10 * 1024 * 1024 + 1)
    refused(site.api.request("POST", target, query=asked, body=big), INVALID, "larger than")
    assert site.api.request("POST", target.replace("ajax-api", "api")).status == 404
    refused(site.api.get("/get-artifact", {"run_id": run}), INVALID, "path")


def test_a_logged_model_lists_and_gives_its_files(site: Site) -> None:
    model, home = add_model(site)
    site.put(f"{home}/MLmodel", b"flavors: {}")

    listed = ok(site.api.get(f"logged-models/{model}/artifacts/directories"))
    got = site.api.get(
        f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files",
        {"artifact_file_path": "MLmodel"},
    )

    assert [entry["path"] for entry in listed["files"]] == ["MLmodel"]
    assert got.body == b"flavors: {}"
    assert got.headers["content-type"].startswith("text/plain")


def test_a_model_version_gives_its_files(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/model/MLmodel", b"flavors: {}")
    name = build.unique()
    ok(site.api.post("registered-models/create", {"name": name}))
    source = f"runs:/{run}/model"
    ok(site.api.post("model-versions/create", {"name": name, "source": source, "run_id": run}))

    asked = {"name": name, "version": "1", "path": "MLmodel"}
    assert site.api.get("/model-versions/get-artifact", asked).body == b"flavors: {}"
    refused(site.api.get("/model-versions/get-artifact", asked | {"version": "2"}), MISSING)
    refused(site.api.get("/model-versions/get-artifact", asked | {"path": "../x"}), INVALID)


def test_a_folder_comes_as_a_zip_file(site: Site, run: str, home: str) -> None:
    bodies = {"a.txt": b"hello", "e/empty": b"", "e/f/big": os.urandom(LARGE)}
    for name, body in bodies.items():
        site.put(f"{home}/m/{name}", body)

    reply = site.api.get("artifacts/archive", {"run_id": run, "path": "m"})

    assert reply.status == 200
    assert reply.headers["content-disposition"] == 'attachment; filename="m.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == bodies
    refused(site.api.get("artifacts/archive", {"run_id": run, "path": "none"}), MISSING)


def test_a_zip_file_may_hold_what_was_chosen(site: Site, run: str, home: str) -> None:
    bodies = {name: name.encode() for name in ("a.txt", "e/b", "e/f/c", "g/d")}
    for name, body in bodies.items():
        site.put(f"{home}/{name}", body)

    def chosen(*paths: str) -> Reply:
        return site.api.get("artifacts/archive", [("run_id", run), *(("paths", p) for p in paths)])

    with zipfile.ZipFile(io.BytesIO(chosen("g/d", "e", "e/f/c", "g/d").body)) as archive:
        held = [(name, archive.read(name)) for name in archive.namelist()]
    assert held == [(name, bodies[name]) for name in ("g/d", "e/b", "e/f/c")]
    refused(chosen("a.txt", "none"), MISSING)
    refused(chosen("../a.txt"), INVALID)


def test_bytes_that_are_here_need_no_upload(site: Site, home: str) -> None:
    body = os.urandom(1000)
    site.put(f"{home}/a", body)
    asked = {"artifact_path": f"{home}/d/b", "sha256": sha256(body), "size": len(body)}

    assert ok(site.api.post("artifacts/adopt", asked)) == {"adopted": True}

    assert site.get(f"{home}/d/b").body == body
    assert ok(site.api.post("artifacts/adopt", asked | {"size": 999})) == {"adopted": False}
    assert ok(site.api.post("artifacts/adopt", asked | {"sha256": "0" * 64})) == {"adopted": False}


def test_bytes_of_another_experiment_are_not_given_away(site: Site, home: str) -> None:
    """Who knows a digest does not therefore own the file."""
    body = os.urandom(1000)
    site.put(f"{home}/a", body)
    other = build.info(site.api, build.add_run(site.api, build.add_experiment(site.api)))
    path = other["artifact_uri"].removeprefix("mlflow-artifacts:/") + "/a"

    asked = {"artifact_path": path, "sha256": sha256(body), "size": len(body)}
    assert ok(site.api.post("artifacts/adopt", asked)) == {"adopted": False}


# Conditions and parts


@pytest.mark.parametrize("size", [1000, LARGE])
def test_parts_of_a_file(site: Site, home: str, size: int) -> None:
    body = os.urandom(size)
    site.put(f"{home}/x", body)

    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-499", 10, 500),
        ("bytes=500-", 500, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=5-{10 * size}", 5, size),
    ):
        part = site.get(f"{home}/x", range=asked)
        assert (part.status, part.body) == (206, body[start:end]), asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    for ignored in ("bytes=0-1,5-6", "items=0-1", "bytes=9-1", "bytes=-"):
        assert site.get(f"{home}/x", range=ignored).status == 200
    beyond = site.get(f"{home}/x", range=f"bytes={size}-")
    assert beyond.status == 416
    clean_error(beyond)


def test_a_part_only_of_the_file_that_the_client_has(site: Site, home: str) -> None:
    site.put(f"{home}/x", b"0123456789")
    tag = site.get(f"{home}/x").headers["etag"]

    assert site.get(f"{home}/x", range="bytes=5-", if_range=tag).body == b"56789"
    assert site.get(f"{home}/x", range="bytes=5-", if_range='"other"').status == 200
    assert site.get(f"{home}/x", range="bytes=5-", if_range=f"W/{tag}").status == 200


def test_conditional_reading(site: Site, home: str) -> None:
    site.put(f"{home}/x")
    known = site.get(f"{home}/x").headers
    tag, since = known["etag"], known["last-modified"]

    for headers in ({"if_none_match": tag}, {"if_none_match": f'"a", W/{tag}'},
                    {"if_none_match": "*"}, {"if_modified_since": since}):  # fmt: skip
        reply = site.get(f"{home}/x", **headers)
        assert (reply.status, reply.body) == (304, b""), headers
    for headers in ({"if_match": '"other"'}, {"if_match": f"W/{tag}"},
                    {"if_unmodified_since": "Thu, 01 Jan 1970 00:00:00 GMT"}):  # fmt: skip
        reply = site.get(f"{home}/x", **headers)
        assert reply.status == 412, headers
        clean_error(reply)
    for headers in ({"if_match": tag}, {"if_none_match": '"other"'}, {"if_modified_since": "x"}):
        assert site.get(f"{home}/x", **headers).status == 200


@pytest.mark.parametrize("size", [5, LARGE])
def test_conditional_writing(site: Site, home: str, size: int) -> None:
    first, second = b"a" * size, b"b" * size
    assert site.put(f"{home}/x", first, if_none_match="*").status == 200
    tag = site.get(f"{home}/x").headers["etag"]

    for headers in ({"if_none_match": "*"}, {"if_match": '"other"'}):
        reply = site.put(f"{home}/x", second, **headers)
        assert reply.status == 412
        clean_error(reply)
    assert site.put(f"{home}/new", second, if_match="*").status == 412
    assert site.get(f"{home}/x").body == first

    assert site.put(f"{home}/x", second, if_match=tag).status == 200
    assert site.get(f"{home}/x").body == second


@pytest.mark.parametrize("size", [5, LARGE])
def test_the_head_says_what_a_download_would(site: Site, home: str, size: int) -> None:
    site.put(f"{home}/x.txt", b"a" * size)

    head, got = site.get(f"{home}/x.txt", method="HEAD"), site.get(f"{home}/x.txt")

    varying = {"date", "x-request-id"}
    assert (head.status, head.body) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }
    assert site.get(f"{home}/none", method="HEAD").status == 404


# Announced digests


@pytest.mark.parametrize("size", [5, LARGE])
def test_announced_digests_are_compared(site: Site, home: str, size: int) -> None:
    body, other = b"a" * size, b"b" * size
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    sha512 = base64.b64encode(hashlib.sha512(body).digest()).decode()
    right = [
        {"Repr_Digest": repr_digest(body)},
        {"Content_Digest": repr_digest(body)},
        {"Repr_Digest": f"sha-512=:{sha512}:, unknown=:AA==:"},
        {"Content_MD5": md5},
    ]

    for number, headers in enumerate(right):
        assert site.put(f"{home}/{number}", body, **headers).status == 200, headers
        if "unknown" not in str(headers):
            refused(site.put(f"{home}/no", other, **headers), INVALID)
    for headers in ({"Repr_Digest": "sha-256=abc"}, {"Content_MD5": "?"}):
        refused(site.put(f"{home}/no", body, **headers), INVALID)

    assert site.names(home) == ["0", "1", "2", "3"]


def test_a_packed_body_is_not_unpacked(site: Site, home: str) -> None:
    assert site.put(f"{home}/x", content_encoding="gzip").status == 415


# Whole or not at all


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("size", [5, LARGE])
def test_a_cut_upload_leaves_nothing(
    site: Site, home: str, size: int, has_length: bool, full_size: bool
) -> None:
    """P5: nothing new is visible, and what was there stays; at full size cut at each 64 KiB and
    at 1,000 other bytes."""
    site.put(f"{home}/old", b"old")
    before = site.kept()
    points = {0, 1, size // 2, size - 1}
    points |= set(range(65536, size, 65536 if full_size else 1024 * 1024))
    points |= set(random.sample(range(size), min(size, 500 if full_size else 3)))

    for name in ("new", "old"):
        for point in sorted(points):
            with site.api.socket() as link:
                link.sendall(head(site, f"{home}/{name}", size if has_length else None))
                body = b"x" * point
                if has_length:
                    link.sendall(body)
                elif body:
                    link.sendall(b"%x\r\n%s" % (point + 1, body))
                link.shutdown(socket.SHUT_WR)
                RawReply.read(link)

    assert site.names(home) == ["old"]
    assert site.get(f"{home}/old").body == b"old"
    eventually(lambda: site.kept() - before == set())


def test_the_later_of_two_uploads_is_there_whole(site: Site, home: str) -> None:
    """Both are under way at once; what is read is one or the other."""
    bodies = [bytes([number]) * LARGE for number in (1, 2)]
    links = [site.api.socket() for _ in bodies]
    for link, body in zip(links, bodies, strict=True):
        link.sendall(head(site, f"{home}/x", LARGE) + body[:-1])

    for link in links:
        link.sendall(bytes(1))
        assert b" 200 " in link.recv(1000)
        found = site.get(f"{home}/x")
        assert found.status == 200
        assert found.body[:-1] in {body[:-1] for body in bodies}
        link.close()


@pytest.mark.parametrize("size", [300_000, LARGE])
def test_the_next_request_may_come_with_the_end_of_a_large_body(
    site: Site, home: str, size: int
) -> None:
    """It is not taken for a part of the body, and the connection is fit for it."""
    body = os.urandom(size)
    more = b"GET /health HTTP/1.1\r\nHost: %s\r\n" % site.api.authority.encode()
    again = head(site, f"{home}/y", size) + body

    reply = site.api.raw(
        head(site, f"{home}/x", size) + body + more + b"\r\n" + again
        + more + b"Connection: close\r\n\r\n"
    )  # fmt: skip

    assert (reply.statuses, reply.closed) == ([200] * 4, True)
    assert site.get(f"{home}/x").body == site.get(f"{home}/y").body == body


def test_an_upload_that_is_refused_halfway_is_answered(site: Site, home: str) -> None:
    """Also when the client goes on sending."""
    site.put(f"{home}/folder/file", b"x")
    refused_at_once = head(site, f"{home}/folder", LARGE) + bytes(LARGE)

    assert site.api.raw(refused_at_once).status == 400
    assert site.get(f"{home}/folder/file").body == b"x"


def test_a_refused_upload_need_not_be_sent(site: Site) -> None:
    with site.api.socket() as link:
        link.sendall(head(site, "a/../x", LARGE, b"Expect: 100-continue\r\n"))
        answer = link.recv(1000)

    assert b" 400 " in answer
    assert b" 100 " not in answer


# Right or not at all


@pytest.mark.parametrize("range_of_all", [False, True])
@pytest.mark.parametrize("size", [1000, 300_000, LARGE])
def test_damaged_bytes_never_pass_for_the_file(
    site: Site, home: str, size: int, range_of_all: bool
) -> None:
    """R11. A range of all is all of it: our client asks for one, and compares, too."""
    asked = {"range": f"bytes=0-{size - 1}"} if range_of_all else {}
    body = os.urandom(size)
    site.put(f"{home}/x", body)
    file = site.root / home / "x"
    with file.open("r+b") as stream:
        stream.seek(size // 2)
        stream.write(bytes([body[size // 2] ^ 1]))
    os.utime(file, ns=(1, 1))

    if size > 1024 * 1024:
        with pytest.raises(http.client.IncompleteRead):
            site.get(f"{home}/x", **asked)
    else:
        assert site.get(f"{home}/x", **asked).status == 500
    again = site.get(f"{home}/x")
    part = site.get(f"{home}/x", range="bytes=0-10")

    for reply in (again, part):
        assert (reply.status, reply.json["error_code"]) == (500, "DATA_LOSS")
        assert str(site.root) not in reply.text
    site.put(f"{home}/x", body)
    assert site.get(f"{home}/x").body == body


def test_a_shorter_file_is_damaged(site: Site, home: str) -> None:
    site.put(f"{home}/x", b"a" * LARGE)
    os.truncate(site.root / home / "x", 10)

    assert site.get(f"{home}/x").json["error_code"] == "DATA_LOSS"


def test_a_file_that_came_another_way_is_served_as_it_is(site: Site, home: str) -> None:
    site.put(f"{home}/a")
    (site.root / home / "b").write_bytes(b"foreign")

    got = site.get(f"{home}/b")

    assert (got.status, got.body) == (200, b"foreign")
    assert "repr-digest" not in got.headers
    assert got.headers["etag"]


# What is known of each


DETAILS = "/api/3.0/millrace/artifacts/details"


def details(site: Site, run: str, path: str) -> dict[str, object]:
    return dict(ok(site.api.get(DETAILS, {"run_id": run, "path": path})))


def test_a_file_says_what_is_known_of_it(site: Site, run: str, home: str) -> None:
    began = time.time_ns() // 1_000_000
    site.put(f"{home}/d/notes.json", b"{}", x_millrace_user="ada")
    ended = time.time_ns() // 1_000_000

    found = details(site, run, "d/notes.json")

    uploaded, modified = found.pop("uploaded_ms"), found.pop("modified_ms")
    assert isinstance(uploaded, int)
    assert isinstance(modified, int)
    assert began <= uploaded <= ended
    assert began - 50 <= modified <= ended + 50  # file systems have clocks of their own
    assert found == {
        "path": "d/notes.json",
        "file_size": 2,
        "content_type": "text/plain; charset=utf-8",
        "standing": "recorded",
        "sha256": sha256(b"{}"),
    }
    got = site.get(f"{home}/d/notes.json")
    assert got.headers["content-type"] == found["content_type"]
    refused(site.api.get(DETAILS, {"run_id": run, "path": "d"}), INVALID, "folder")
    refused(site.api.get(DETAILS, {"run_id": run, "path": "none"}), MISSING, "none")
    refused(site.api.get(DETAILS, {"run_id": "0" * 32, "path": "d/x"}), MISSING)
    refused(site.api.get(DETAILS, {"run_id": run}), INVALID, "path")


def test_who_replaced_a_file_is_known(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/a", b"first", x_millrace_user="ada")
    site.put(f"{home}/a", b"second", x_millrace_user="ben")
    assert details(site, run, "a")["uploaded_by"] == "ben"
    site.put(f"{home}/a", b"third", x_millrace_user="cleo")
    found = details(site, run, "a")
    assert (found["uploaded_by"], found["sha256"]) == ("cleo", sha256(b"third"))

    done(site.api.request("DELETE", f"{PROXY}/artifacts/{home}/a"))
    site.put(f"{home}/a", b"third", x_millrace_user="dora")

    assert "uploaded_by" not in details(site, run, "a")


def test_what_did_not_come_through_the_server_is_not_read_for_its_digest(
    site: Site, run: str, home: str
) -> None:
    site.put(f"{home}/a")
    with (site.root / home / "huge.bin").open("wb") as sparse:
        sparse.truncate(5 * 1024**3)

    found = details(site, run, "huge.bin")

    assert (found["standing"], found["file_size"]) == ("unrecorded", 5 * 1024**3)
    assert found["content_type"] == "application/octet-stream"
    assert not {"sha256", "uploaded_ms", "uploaded_by"} & found.keys()


def test_what_is_known_to_be_damaged_says_so(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/a", b"right")
    file = site.root / home / "a"
    file.write_bytes(b"wrong")
    os.utime(file, ns=(1, 1))
    assert site.get(f"{home}/a").status == 500

    found = details(site, run, "a")

    assert (found["standing"], found["sha256"]) == ("damaged", sha256(b"right"))


def test_a_file_of_a_logged_model_says_what_is_known_of_it(site: Site) -> None:
    model, home = add_model(site)
    site.put(f"{home}/MLmodel", b"flavors: {}")
    path = f"/api/3.0/millrace/logged-models/{model}/artifacts/details"

    found = ok(site.api.get(path, {"artifact_file_path": "MLmodel"}))

    assert (found["standing"], found["sha256"]) == ("recorded", sha256(b"flavors: {}"))
    refused(site.api.get(path, {"artifact_file_path": "../MLmodel"}), INVALID)


# What stays as it is


def add_model(site: Site) -> tuple[str, str]:
    experiment = build.add_experiment(site.api)
    made = ok(site.api.post("logged-models", {"experiment_id": experiment}))["model"]["info"]
    uri: str = made["artifact_uri"]
    return made["model_id"], uri.removeprefix("mlflow-artifacts:/")


def test_the_files_of_a_ready_model_stay_as_they_are(site: Site) -> None:
    model, home = add_model(site)
    site.put(f"{home}/a", b"first")
    site.put(f"{home}/a", b"second")
    ok(site.api.patch(f"logged-models/{model}", {"status": "LOGGED_MODEL_READY"}))

    above = home.rpartition("/models/")[0] + "/models"
    for reply in (
        site.put(f"{home}/a", b"third"),
        site.put(f"{home}/new"),
        site.put(f"{home}/odd;#?"),
        site.api.request("DELETE", f"{PROXY}/artifacts/{home}/a"),
        site.api.request("DELETE", f"{PROXY}/artifacts/{above}/{model}"),
        site.api.request("DELETE", f"{PROXY}/artifacts/{above}"),
        site.api.request("DELETE", f"{PROXY}/artifacts/{above.partition('/')[0]}"),
    ):
        assert reply.status == 409, reply
        clean_error(reply)
    assert site.put(f"{home}/a", b"second", Repr_Digest=repr_digest(b"second")).status == 200
    assert site.get(f"{home}/a").body == b"second"


def test_the_files_of_a_registered_version_stay_as_they_are(
    site: Site, run: str, home: str
) -> None:
    site.put(f"{home}/model/a", b"first")
    name = build.add_registered(site.api)
    build.add_version(site.api, name, source=f"runs:/{run}/model", run_id=run)

    experiment = home.partition("/")[0]
    for reply in (
        site.put(f"{home}/model/a", b"second"),
        *(
            site.api.request("DELETE", f"{PROXY}/artifacts/{path}")
            for path in (f"{home}/model", home, experiment)
        ),
    ):
        assert reply.status == 409, reply
    assert site.put(f"{home}/beside", b"free").status == 200
    assert site.get(f"{home}/model/a").body == b"first"


# What goes for good


DELETE = "/api/3.0/millrace/artifacts/delete"


def delete(site: Site, run: str, *paths: str, **asked: object) -> Reply:
    return site.api.post(DELETE, {"run_id": run, "paths": paths, **asked})


def deletions(site: Site, outcome: str) -> list[tuple[str, str]]:
    """Who deleted what, or was not allowed to, the newest first."""
    listed = ok(site.api.get("/api/2.0/millrace/audit/entries", {"action": "artifact.delete"}))
    entries = listed.get("entries", [])
    return [(one["actor"], one["id"]) for one in entries if one.get("outcome", "done") == outcome]


def test_what_would_go_is_counted_and_then_goes(site: Site, run: str, home: str) -> None:
    for name in ("a", "d/b", "d/e/c", "da/x", "kept"):
        site.put(f"{home}/{name}", name.encode())
    doomed = ("d", "a", "d/e", "da/x", "none")

    before = ok(delete(site, run, *doomed, dry_run=True))
    assert site.names(home) == ["a", "d", "da", "kept"]
    reply = site.api.post(DELETE, {"run_id": run, "paths": doomed}, **{"X-Millrace-User": "ada"})

    assert ok(reply) == before == {"files": 4, "bytes": len("ad/bd/e/cda/x")}
    assert "kept" in site.names(home)
    listed = ok(site.api.get("artifacts/list", {"run_id": run, "path": "d"}))
    assert listed.get("files", []) == []
    refused(site.api.get(DETAILS, {"run_id": run, "path": "a"}), MISSING)
    root = f"mlflow-artifacts:/{home}"
    assert deletions(site, "done")[:4] == [
        ("ada", f"{root}/{name}") for name in ("none", "da/x", "d", "a")
    ]
    # Nothing is left of it that would tell of a loss: the name is free for other bytes.
    site.put(f"{home}/a", b"another")
    assert site.get(f"{home}/a").body == b"another"


def test_a_deletion_may_be_repeated(site: Site, run: str, home: str) -> None:
    for name in ("a", "b"):
        site.put(f"{home}/{name}")
    key = {"Idempotency-Key": build.unique()}

    first, again = (
        ok(site.api.post(DELETE, {"run_id": run, "paths": ["a", "b"]}, **key)) for _ in range(2)
    )

    assert (first["files"], again["files"]) == (2, 0)
    other = site.api.post(DELETE, {"run_id": run, "paths": ["c"]}, **key)
    assert other.status == 422, other


def test_what_a_version_needs_does_not_go(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/all/model/MLmodel", b"flavors: {}")
    site.put(f"{home}/all/beside", b"free")
    name = build.add_registered(site.api)
    build.add_version(site.api, name, source=f"runs:/{run}/all/model", run_id=run)
    noted = deletions(site, "refused")

    for paths in (["all/model/MLmodel"], ["all/model"], ["all"], ["all/beside", "all/model"]):
        dry = delete(site, run, *paths, dry_run=True)
        assert dry.status == 409
        assert "stay as they are" in clean_error(dry)["message"]
        assert deletions(site, "refused") == noted  # nobody has tried
        assert delete(site, run, *paths).status == 409
        noted = deletions(site, "refused")

    assert noted[0] == ("anonymous", f"mlflow-artifacts:/{home}/all/model")
    assert site.get(f"{home}/all/model/MLmodel").body == b"flavors: {}"
    assert site.get(f"{home}/all/beside").body == b"free"
    assert ok(delete(site, run, "all/beside"))["files"] == 1


def test_files_of_a_logged_model_go_until_it_is_ready(site: Site) -> None:
    model, home = add_model(site)
    for name in ("MLmodel", "weights"):
        site.put(f"{home}/{name}", b"1234")
    path = f"/api/3.0/millrace/logged-models/{model}/artifacts/delete"

    assert ok(site.api.post(path, {"paths": ["weights"]})) == {"files": 1, "bytes": 4}

    ok(site.api.patch(f"logged-models/{model}", {"status": "LOGGED_MODEL_READY"}))
    assert site.api.post(path, {"paths": ["MLmodel"]}).status == 409
    assert site.get(f"{home}/MLmodel").body == b"1234"


def test_what_a_deletion_takes(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/a")

    refused(delete(site, run), INVALID, "paths")
    refused(delete(site, run, ""), INVALID, "paths")
    refused(delete(site, run, *(f"p{n}" for n in range(1_001))), INVALID, "paths")
    refused(delete(site, "0" * 32, "a"), MISSING)
    ok(site.api.post("runs/delete", {"run_id": run}))
    refused(delete(site, run, "a"), INVALID, "trash")
    assert site.get(f"{home}/a").body == b"hello"


# Nothing outside

UP = ["../x", "a/../../x", "%2e%2e%2fx", ".%2e/x", "a/%2E%2e/%2e%2E/x", "%252e%252e%252fx"]
ODD = ["/etc/passwd", "//x", "%2fetc", "C:%5Cx", "%5C%5Chost%5Cx", "~root/x", "file:///x", "..%5cx",
       "a%00b", "a%0ab", "%c0%af", "%ff", "a%EF%BC%8Fb", "%EF%BC%8E%EF%BC%8E/x", "a//b", "./a",
       "a/.", "a%20", "a.", "x" * 256, "CON", "a/nul.txt", "%2f", ".", "a/..", "%2e"]  # fmt: skip


@pytest.mark.parametrize("path", UP + ODD)
def test_no_path_leads_elsewhere(site: Site, run: str, path: str) -> None:
    """S1 to S7 on every route that takes a path; nothing changes on the disk."""
    site.put("0/fixed")
    before = site.kept()
    below = f"{PROXY}/artifacts/{path}"
    plain = path.encode()
    replies = [
        site.api.get(below),
        site.api.request("HEAD", below),
        site.api.request("PUT", below, body=b"x"),
        site.api.request("DELETE", below),
        site.api.get(f"{PROXY}/artifacts?path={path}"),
        site.api.get(f"{PROXY}/presigned/{path}"),
        site.api.get(f"{PROXY}/bundle/{path}"),
        site.api.request("POST", f"{PROXY}/bundle/{path}", body=END, headers=BUNDLED),
        site.api.get(f"artifacts/list?run_id={run}&path={path}"),
        site.api.get(f"artifacts/archive?run_id={run}&path={path}"),
        site.api.get(f"{DETAILS}?run_id={run}&path={path}"),
        delete(site, run, unquote(path, errors="surrogateescape")),
        site.api.get(f"/get-artifact?run_id={run}&path={path}"),
        site.api.request(
            "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_id={run}&path={path}", body=b"x"
        ),
        *(
            site.api.post(f"{PROXY}/mpu/{step}/{path}", message)
            for step, message in (
                ("create", {"path": "x", "num_parts": 1}),
                ("complete", {"path": "x", "upload_id": "u", "parts": []}),
                ("abort", {"path": "x", "upload_id": "u"}),
            )
        ),
    ]

    for number, reply in enumerate(replies):
        if number == 1:
            assert reply.status == 400, (number, plain)
        else:
            refused(reply, INVALID)
    assert site.kept() == before


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
@pytest.mark.parametrize("path", ["", "/", "//", "/%2f", "/.", "/a/.."])
def test_the_root_is_nothing_to_work_on(site: Site, method: str, path: str) -> None:
    site.put("0/fixed")

    reply = site.api.request(method, f"{PROXY}/artifacts{path}", body=b"")

    assert reply.status in {400, 405}
    assert site.get("0/fixed").status == 200


def test_the_root_is_not_listed(site: Site) -> None:
    for query in ({}, {"path": ""}):
        reply = site.api.get(f"{PROXY}/artifacts", query)
        assert reply.status == 403
        clean_error(reply)


def test_links_devices_and_pipes_are_not_there(site: Site, home: str, tmp_path: Path) -> None:
    """S8, S9."""
    site.put(f"{home}/a")
    (tmp_path / "secret").write_text("secret")
    folder = site.root / home
    (folder / "file").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server, tempfile.TemporaryDirectory() as short:
        server.bind(f"{short}/s")
        Path(short, "s").rename(folder / "s")

    assert site.names(home) == ["a"]
    for name in ("file", "folder/secret", "pipe", "s"):
        refused(site.get(f"{home}/{name}"), MISSING)
    refused(site.put(f"{home}/folder/new"), INVALID)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP", "ftp", "ftps", "sftp", "hdfs"])
def test_nobody_is_called_that_a_client_names(site: Site, scheme: str) -> None:
    """S13, S14, S20, S22: as a place of artifacts or of a model; a listener hears of nothing."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.setblocking(False)
        where = f"{scheme}://{LOOPBACK}:{listener.getsockname()[1]}/x"
        named = {"name": build.unique("e"), "artifact_location": where}
        made = site.api.post("experiments/create", named)
        replies = [made] if made.status != 200 else []
        if made.status == 200:
            run = build.add_run(site.api, made.json["experiment_id"])
            replies += [
                site.api.get("artifacts/list", {"run_id": run}),
                site.api.get("artifacts/archive", {"run_id": run}),
                site.api.get("/get-artifact", {"run_id": run, "path": "a"}),
                site.api.post("artifacts/presigned-download-url", {"run_id": run, "path": "a"}),
                site.api.request(
                    "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_id={run}&path=a", body=b"x"
                ),
            ]
        name = build.add_registered(site.api)
        version = site.api.post("model-versions/create", {"name": name, "source": where})
        if version.status == 200:
            asked = {"name": name, "version": "1", "path": "a"}
            replies.append(site.api.get("/model-versions/get-artifact", asked))

        for reply in replies:
            assert reply.status in {400, 403}, reply
            clean_error(reply)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_places_outside_the_roots_are_not_touched(site: Site) -> None:
    experiment = build.add_experiment(site.api, artifact_location="s3://somewhere/else")
    run = build.add_run(site.api, experiment)

    for reply in (
        site.api.get("artifacts/list", {"run_id": run}),
        site.api.get("/get-artifact", {"run_id": run, "path": "x"}),
        site.api.request(
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", query={"run_id": run, "path": "x"},
            body=b"x",
        ),
        site.api.post("artifacts/presigned-upload-url", {"run_id": run, "path": "x"}),
    ):  # fmt: skip
        assert (reply.status, reply.error_code) == (403, "PERMISSION_DENIED")


# What browsers get


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml", "a.xhtml", "a.js", "a.pdf", "a"])
def test_nothing_is_run_in_our_name(site: Site, home: str, name: str) -> None:
    """S35."""
    site.put(f"{home}/{name}", b"<html><script>alert(1)</script>")

    headers = site.get(f"{home}/{name}").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("sandbox")


def test_a_file_name_adds_no_header(site: Site, home: str) -> None:
    """S38."""
    name = 'a"; x=y 日本.txt'
    site.put(f"{home}/{name}")

    got = site.get(f"{home}/{name}").headers["content-disposition"]

    assert got == (
        "attachment; filename=\"a_; x=y __.txt\"; filename*=UTF-8''"
        "a%22%3B%20x%3Dy%20%E6%97%A5%E6%9C%AC.txt"
    )


def test_text_is_plain_text(site: Site, home: str) -> None:
    for name in ("a.json", "a.yaml", "a.py", "a.csv", "a.md", "MLmodel", "a.log"):
        site.put(f"{home}/{name}")
        kind = site.get(f"{home}/{name}").headers["content-type"]
        assert kind == "text/plain; charset=utf-8", name
    site.put(f"{home}/a.png")
    assert site.get(f"{home}/a.png").headers["content-type"] == "image/png"


# Uploads in parts, and signed URLs, need another store


def test_what_a_folder_cannot_do_is_said(site: Site, run: str, home: str) -> None:
    site.put(f"{home}/x")
    parts = {"path": "/home/ada/x", "num_parts": 2}

    assert site.api.post(f"{PROXY}/mpu/create/{home}", parts).status == 501
    assert site.api.get(f"{PROXY}/presigned/{home}/x").status == 501
    refused(site.api.post("artifacts/presigned-download-url", {"run_id": run, "path": "x"}))
    refused(site.api.post(f"{PROXY}/mpu/create/{home}", parts | {"num_parts": 10_001}))
    refused(site.api.post(f"{PROXY}/mpu/create/{home}", parts | {"path": "../x"}))


def head(site: Site, path: str, size: int | None, more: bytes = b"") -> bytes:
    framing = b"Transfer-Encoding: chunked" if size is None else b"Content-Length: %d" % size
    target = f"{PROXY}/artifacts/{quote(path)}".encode()
    host = site.api.authority.encode()
    return b"PUT %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n\r\n" % (target, host, more, framing)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it *holds*: a server notices a cut a moment after we made it."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
