"""From what a person names to the source behind it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.core.uris import redacted
from millrace.stores.file import FileStores, folder_of
from millrace.stores.open import open_stores
from millrace.stores.places import NotThere, WrongPlace
from millrace.stores.sql.engine import opened, sqlite_file
from millrace.stores.sql.migrate import is_ours
from millrace.transfer.archive import MANIFEST, Archive
from millrace.transfer.from_database import MlflowDatabase
from millrace.transfer.from_server import TrackingServer
from millrace.transfer.from_stores import StoredFiles, StoredRecords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.transfer.source import Source


@contextmanager
def open_source(named: str) -> Iterator[Source]:
    """The source that *named* is: a server's address, a database URI, an archive, or a folder.

    NotThere: there is nothing; WrongPlace: there is something else.
    """
    if named.startswith(("http://", "https://")):
        source: Source = TrackingServer(named)
    elif "://" in named and not named.startswith("file:"):
        with _database(named) as found:
            yield found
        return
    else:
        path = Path(folder_of(named))
        if (path / MANIFEST).is_file():
            source = Archive(path)
        else:
            with _folder(path) as found:
                yield found
            return
    try:
        yield source
    finally:
        source.close()


@contextmanager
def _database(uri: str) -> Iterator[Source]:
    """A database, ours or MLflow's: the tables tell."""
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise NotThere(f"There is no database at {file}.")
    with opened(uri) as database:
        ours = is_ours(database)
    if not ours:
        source = MlflowDatabase(uri)
        try:
            yield source
        finally:
            source.close()
        return
    stores = open_stores(uri)
    try:
        yield StoredRecords(stores, redacted(uri))
    finally:
        stores.close()


@contextmanager
def _folder(path: Path) -> Iterator[Source]:
    """A folder of files, as MLflow's clients and ours keep records in."""
    if not path.is_dir():
        raise NotThere(f"There is no folder {path}.")
    if not any(path.glob("*/meta.yaml")) and not any(path.glob(".trash/*/meta.yaml")):
        raise WrongPlace(
            f"{path} holds no records: neither {MANIFEST} of an archive, nor experiments."
        )
    stores = FileStores(str(path), default_artifact_root=str(path))
    try:
        yield StoredFiles(stores, str(path))
    finally:
        stores.close()
