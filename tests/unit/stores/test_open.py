"""From a URI to the records behind it, and what a URI that leads nowhere is told."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from millrace.core.clock import fixed
from millrace.core.errors import InvalidArgument, MillraceError, MissingExtra, Unavailable
from millrace.stores.open import OPENERS, open_stores
from millrace.stores.places import NotOpened, WrongPlace
from millrace.stores.sql import migrate


@pytest.mark.parametrize(
    "uri", ["memory:", "memory://", "sqlite://", "sqlite:///:memory:", "memory:///any"]
)
def test_records_in_memory(uri: str) -> None:
    stores = open_stores(uri)

    assert stores.kind == "memory"
    assert stores.tracking.experiment("0") is not None
    stores.close()


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_records_in_a_file(tmp_path: Path, form: str) -> None:
    file = tmp_path / "größe 100%.db"
    with fixed(1_234):
        stores = open_stores(form.format(file), default_artifact_root="s3://b/root")

    default = stores.tracking.experiment("0")
    stores.close()

    assert stores.kind == "sqlite"
    assert file.stat().st_size > 0
    assert default is not None
    assert (default.name, default.creation_time) == ("Default", 1_234)
    assert default.artifact_location == "s3://b/root/0"


def test_a_relative_file_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    open_stores("sqlite:///here.db").close()

    assert (tmp_path / "here.db").exists()


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("oracle://host/db", "oracle"),
        ("cockroachdb+psycopg2://ada:hunter2@host/db", "cockroachdb"),
        ("SQLITE:///x.db", "SQLITE"),
    ],
)
def test_a_scheme_that_nobody_offers(uri: str, scheme: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        open_stores(uri)

    assert repr(scheme) in caught.value.message
    assert ", ".join(OPENERS.names()) in caught.value.message
    assert "sqlite:///millrace.db" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:",
        "sqlite:x.db",
        "sqlite:/x.db",
        "sqlite+nosuch:///x.db",
        "sqlite+:///x.db",
        "sqlite:///\0",
    ],
)
def test_a_uri_that_names_no_database(uri: str) -> None:
    with pytest.raises((InvalidArgument, MissingExtra)):
        open_stores(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///",
        "sqlite+pysqlite://",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file:shared?mode=memory&cache=shared&uri=true",
    ],
)
def test_a_database_that_other_connections_cannot_see_is_refused(uri: str) -> None:
    """Readers and writer have connections of their own: each would see another, empty one."""
    with pytest.raises(InvalidArgument, match="memory"):
        open_stores(uri)


@pytest.mark.parametrize(
    "uri", [":", "://", ":secret@host/db", "x_y://z", "1a:/x", "", "file:", "file://", "a:b\0"]
)
def test_a_mistyped_uri_becomes_no_folder(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WrongPlace) as caught:
        open_stores(uri)

    assert "secret" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["./:", "./a:b", "C:"])
def test_a_path_may_hold_a_colon(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    stores = open_stores(path)
    stores.close()

    assert (tmp_path / path).is_dir()


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://ada:sec:ret@host:port/db",
        "postgresql://ada:sec@ret@host:port/db",
        "mysql://ada:secret@[::1/db",
    ],
)
def test_a_uri_that_cannot_be_read_is_not_quoted(uri: str) -> None:
    """What stands where a port should may be a part of the password."""
    with pytest.raises(WrongPlace, match="Not a database URI") as caught:
        open_stores(uri)

    assert not {"sec", "ret", "port"} & set(re.split(r"\W", caught.value.message))
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("place", ["missing/folder/x.db", ""], ids=["no such folder", "a folder"])
def test_a_file_that_cannot_be_opened(tmp_path: Path, place: str) -> None:
    with pytest.raises(Unavailable) as caught:
        open_stores(f"sqlite:///{tmp_path / place}")

    assert isinstance(caught.value, NotOpened)
    assert not (tmp_path / "missing").exists()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    text = "This is no database. " * 100
    (tmp_path / "text.db").write_text(text)

    with pytest.raises(MillraceError, match="damaged or no database"):
        open_stores(f"sqlite:///{tmp_path / 'text.db'}")

    assert (tmp_path / "text.db").read_text() == text


def test_what_could_not_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    """A client tries again and again."""
    uri = f"sqlite:///{tmp_path / 'x.db'}"
    migrate.upgrade(uri)
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute(
            "CREATE TRIGGER never BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'never'); END"
        )
    before = threading.active_count()

    with pytest.raises(Unavailable):
        open_stores(uri)

    assert threading.active_count() == before
