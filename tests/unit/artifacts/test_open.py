"""Which URI opens which store, and what is said of those that open none."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.artifacts.location import Location, parse, shown
from millrace.artifacts.open import OPENERS, open_artifacts
from millrace.core.errors import InvalidArgument


@pytest.mark.parametrize("uri", ["dbfs:/a/b", "gopher://host/x", "DBFS:/a", "x-y+z.1://h"])
def test_a_scheme_that_nobody_offers_is_answered_with_what_is(uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        open_artifacts(uri)

    scheme = uri.partition(":")[0].lower()
    assert f"'{scheme}'" in caught.value.message
    assert all(name in caught.value.message for name in OPENERS.names())


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("sftp://me:s3cret@host:22/a/b", "sftp://me@host:22/a/b"),
        ("s3://bucket/key?token=s3cret", "s3://bucket/key"),
        ("ftp://:s3cret@host/x", "ftp://host/x"),
        ("https://host/a#s3cret", "https:(unreadable)"),
        ("https://me:s3cret@[::1/a", "https:(unreadable)"),
        ("mlflow-artifacts:/1/2", "mlflow-artifacts:/1/2"),
    ],
)
def test_secrets_are_not_shown(uri: str, seen: str) -> None:
    assert shown(uri) == seen


@pytest.mark.parametrize(
    "uri", ["dbfs://u:s3cret@h/x", "dbfs:/x?sig=s3cret", "dbfs://h:s3cret/x y", "s3cret-9://u:p@h"]
)
def test_no_message_holds_a_secret(uri: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        open_artifacts(uri)

    assert "s3cret@" not in caught.value.message
    assert "sig=" not in caught.value.message
    assert ":p@" not in caught.value.message


def test_a_uri_is_taken_apart() -> None:
    where = parse("abfss://container@account.dfs.core.windows.net/a%20b/c?x=1")

    assert where == Location(
        scheme="abfss",
        user="container",
        authority="account.dfs.core.windows.net",
        path="/a%20b/c",
        query=(("x", "1"),),
    )
    assert (where.host, where.port, where.key) == (where.authority, None, "a%20b/c")


@pytest.mark.parametrize("authority", ["host:0", "host:70000", "host:x", "[::1"])
def test_an_address_that_is_none_is_refused(authority: str) -> None:
    with pytest.raises(InvalidArgument):
        _ = Location(scheme="ftp", authority=authority).port


@pytest.mark.parametrize(
    "uri", ["s3://b/a b", "s3://b/a\nb", "s3://b/\\a", "s3://b/a#b", "s3://b/\0"]
)
def test_what_no_uri_may_hold(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(uri)


def test_a_plugin_adds_a_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed package does: by an entry point."""
    (tmp_path / "shelf.py").write_text(
        "from millrace.artifacts.memory import MemoryArtifacts\n"
        "def open_shelf(uri, reach):\n"
        "    return MemoryArtifacts()\n"
    )
    about = tmp_path / "shelf-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[millrace.artifacts]\nshelf = shelf:open_shelf\n")
    monkeypatch.syspath_prepend(tmp_path)

    store = open_artifacts("shelf://any")

    assert store.put("file", [b"x"]).size == 1
    assert "shelf" in OPENERS.names()
