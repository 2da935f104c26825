"""Many small files in one request: each is taken, kept and checked as if it came alone."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.core import bundles
from millrace.core.bundles import Entry
from tests.services import private_millrace
from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, MISSING, clean_error, ok, refused

PROXY = "/api/2.0/mlflow-artifacts"
TYPED = {"Content-Type": bundles.MEDIA_TYPE}


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def packed(files: dict[str, bytes], **digests: str) -> bytes:
    """A bundle; *digests*: what is said of a file instead of what is true."""
    parts = [
        bundles.told(Entry(path=path, size=len(body), sha256=digests.get(path) or sha256(body)))
        + body
        for path, body in files.items()
    ]
    return b"".join([*parts, bundles.END])


class Site:
    """A server of our own and the folder that it keeps artifacts in."""

    def __init__(self, api: Api, root: Path) -> None:
        self.api = api
        self.root = root

    def send(self, folder: str, body: bytes) -> Reply:
        return self.api.request("POST", f"{PROXY}/bundle/{folder}", body=body, headers=TYPED)

    def fetch(self, folder: str) -> dict[str, tuple[Entry, bytes]]:
        reply = self.api.get(f"{PROXY}/bundle/{folder}")
        assert reply.status == 200, reply
        return {entry.path: (entry, body) for entry, body in bundles.unpacked(reply.body)}

    def kept(self) -> set[str]:
        """All files below the root, staging too."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bundles")
    with private_millrace(folder) as url:
        yield Site(Api(url), folder / "mlartifacts")


@pytest.fixture
def home(site: Site) -> str:
    run = build.add_run(site.api, build.add_experiment(site.api))
    uri: str = build.info(site.api, run)["artifact_uri"]
    return uri.removeprefix("mlflow-artifacts:/")


def test_a_server_says_that_it_takes_bundles(site: Site) -> None:
    info = ok(site.api.get("/api/3.0/mlflow/server-info"))

    assert info["artifact_bundles_supported"] is True


def test_a_folder_comes_back_with_its_digests(site: Site, home: str) -> None:
    files = {f"d{n % 7}/größe {n}": os.urandom(n * 13) for n in range(300)}

    reply = ok(site.send(f"{home}/many", packed(files)))
    found = site.fetch(f"{home}/many")
    one = site.api.get(f"{PROXY}/artifacts/{home}/many/d1/gr%C3%B6%C3%9Fe%201")

    assert reply == {"taken": 300}
    assert {path: body for path, (_, body) in found.items()} == files
    assert all(entry.sha256 == sha256(body) for entry, body in found.values())
    assert one.headers["etag"] == f'"{sha256(files["d1/größe 1"])}"'


def test_what_is_refused_keeps_nothing_else_out(site: Site, home: str) -> None:
    site.send(home, packed({"folder/x": b"1", "file": b"2"}))
    before = site.kept()
    files = {
        "good": b"a",
        "../up": b"b",
        "%2e%2e/up": b"c",
        "/etc/x": b"d",
        "folder": b"e",
        "file/below": b"f",
        "damaged": b"g",
        "better": b"h",
    }

    reply: dict[str, Any] = ok(site.send(home, packed(files, damaged=sha256(b"other"))))

    told = {each.pop("path"): each for each in reply["refused"]}
    assert reply["taken"] == 2
    assert told.keys() == files.keys() - {"good", "better"}
    assert {(each["status"], each["error_code"]) for each in told.values()} == {(400, INVALID)}
    assert site.kept() - before == {f"{home}/good", f"{home}/better"}


@pytest.mark.parametrize(
    "body",
    [
        packed({"a": b"1"})[:-1],
        packed({"a": b"1"}) + b"x",
        b"",
        bundles.told(Entry(path="a", size=1)) + b"x" + bundles.END,
        bundles.told(Entry(path="a", size=1, sha256="zz")) + b"x" + bundles.END,
        bundles.told(Entry(path="a", size=1, sha256="0" * 64, apart=True)) + bundles.END,
        packed({"a": b"1"})[: -len(bundles.END)] + packed({"a": b"1"}),
    ],
    ids=["cut", "long", "empty", "no digest", "odd digest", "apart", "twice"],
)
def test_what_is_no_bundle_changes_nothing(site: Site, home: str, body: bytes) -> None:
    before = site.kept()

    refused(site.send(home, body), INVALID)

    assert site.kept() == before


def test_only_its_own_media_type_is_read(site: Site, home: str) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}):
        reply = site.api.request(
            "POST", f"{PROXY}/bundle/{home}", body=packed({"a": b"1"}), headers=headers
        )
        refused(reply, INVALID, bundles.MEDIA_TYPE)


def test_a_bundle_has_a_largest_size(site: Site, home: str) -> None:
    body = packed({str(n): bytes(bundles.FILE_BYTES) for n in range(33)})

    reply = site.send(home, body)

    assert reply.status == 413
    clean_error(reply)


def test_what_has_to_be_fetched_by_itself_is_named(site: Site, home: str) -> None:
    """Large files, because they gain nothing; damaged ones, because only there it is said why."""
    site.send(home, packed({"good": b"good", "damaged": b"damaged"}))
    large = os.urandom(bundles.FILE_BYTES + 1)
    site.api.request("PUT", f"{PROXY}/artifacts/{home}/large", body=large)
    (site.root / home / "damaged").write_bytes(b"Damaged")

    found = site.fetch(home)

    assert {path: entry.apart for path, (entry, _) in found.items()} == {
        "good": False,
        "damaged": True,
        "large": True,
    }
    assert found["large"][0].size == len(large)
    reply = site.api.get(f"{PROXY}/artifacts/{home}/damaged")
    assert (reply.status, reply.json["error_code"]) == (500, "DATA_LOSS")


def test_no_browser_runs_a_bundle(site: Site, home: str) -> None:
    """S35: whatever its files are."""
    site.send(home, packed({"x.html": b"<script>alert(1)</script>"}))

    headers = site.api.get(f"{PROXY}/bundle/{home}").headers

    assert headers["content-type"] == bundles.MEDIA_TYPE
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["x-content-type-options"] == "nosniff"


def test_what_came_another_way_has_no_digest(site: Site, home: str) -> None:
    site.send(home, packed({"a": b"1"}))
    (site.root / home / "b").write_bytes(b"foreign")
    (site.root / home / "link").symlink_to("/etc/hostname")

    found = site.fetch(home)

    assert found.keys() == {"a", "b"}
    assert (found["b"][0].sha256, found["b"][1]) == (None, b"foreign")


def test_a_folder_that_is_not_there(site: Site, home: str) -> None:
    refused(site.api.get(f"{PROXY}/bundle/{home}/gone"), MISSING)


def test_the_files_of_a_ready_model_stay_as_they_are(site: Site) -> None:
    experiment = build.add_experiment(site.api)
    made = ok(site.api.post("logged-models", {"experiment_id": experiment}))["model"]["info"]
    home = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    ok(site.send(home, packed({"a": b"first"})))
    ok(site.api.patch(f"logged-models/{made['model_id']}", {"status": "LOGGED_MODEL_READY"}))
    above, _, below = home.partition("/models/")

    for folder, inside in ((home, ""), (above, f"models/{below}/")):
        again = ok(site.send(folder, packed({f"{inside}a": b"first"})))
        other = ok(site.send(folder, packed({f"{inside}a": b"x", f"{inside}new": b"y"})))
        assert again == {"taken": 1}
        assert {each["status"] for each in other["refused"]} == {409}
        assert other["taken"] == 0
    assert site.fetch(home).keys() == {"a"}


def test_replacing_a_file_is_in_the_audit_trail(site: Site, home: str) -> None:
    site.send(home, packed({"a": b"1"}))
    site.send(home, packed({"a": b"2"}))

    found = ok(site.api.get("/api/2.0/millrace/audit/entries", {"action": "artifact.put"}))

    assert [each["id"] for each in found["entries"] if home in each["id"]] == [
        f"mlflow-artifacts:/{home}/a"
    ]
    digest = base64.b64encode(hashlib.sha256(b"2").digest()).decode()
    got = site.api.get(f"{PROXY}/artifacts/{home}/a")
    assert got.headers["repr-digest"] == f"sha-256=:{digest}:"
