"""From a URI to the records behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from millrace.core.clock import now_ms
from millrace.core.plugins import Registry
from millrace.stores.places import WrongPlace

if TYPE_CHECKING:
    from millrace.stores.protocols import Stores


class Opener(Protocol):
    """Opens the records at a URI of one scheme."""

    def __call__(self, uri: str, *, default_artifact_root: str) -> Stores:
        """Open them; a new place is set up with the experiment `Default`."""
        ...


OPENERS: Registry[Opener] = Registry(
    "millrace.stores",
    {
        "sqlite": "millrace.stores.open:open_sql",
        "postgresql": "millrace.stores.open:open_sql",
        "postgres": "millrace.stores.open:open_sql",
        "mysql": "millrace.stores.open:open_sql",
        "mariadb": "millrace.stores.open:open_sql",
        "mssql": "millrace.stores.open:open_sql",
        "memory": "millrace.stores.open:open_memory",
        "file": "millrace.stores.open:open_files",
    },
)

# One letter is no scheme, but a drive.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
IN_MEMORY = frozenset({"sqlite://", "sqlite:///:memory:", "memory://", "memory:"})


def open_stores(uri: str, *, default_artifact_root: str = "mlflow-artifacts:/") -> Stores:
    """Open the records at *uri*; raise `WrongPlace` for a scheme that nobody offers."""
    scheme = scheme_of(uri)
    opener = OPENERS.find(scheme)
    if opener is None:
        offered = ", ".join(OPENERS.names())
        raise WrongPlace(
            f"No store for a URI of scheme {scheme!r}. Offered: {offered}; for example "
            "sqlite:///millrace.db or ./mlruns."
        )
    return opener(uri, default_artifact_root=default_artifact_root)


def key_file(uri: str) -> Path | None:
    """Where the keys of the records at *uri* are unless a setting says otherwise; None: nowhere.

    Never in the database: what they protect is safe when somebody gets hold of that.
    """
    if uri in IN_MEMORY:
        return None
    if uri.startswith("sqlite"):
        from millrace.stores.sql.engine import sqlite_file  # noqa: PLC0415 - as below

        file = sqlite_file(uri)
        if file is not None:
            return file.with_name(f"{file.name}.keys")
    if scheme_of(uri) == "file":
        from millrace.stores.file import folder_of  # noqa: PLC0415 - as below

        return Path(f"{folder_of(uri).rstrip('/')}.keys")
    return Path("millrace.keys")


def scheme_of(uri: str) -> str:
    """The kind of store at *uri*; a plain path is a folder of files."""
    if uri in IN_MEMORY:
        return "memory"
    scheme = uri.partition(":")[0].partition("+")[0]
    return scheme if _URI.match(uri) else "file"


def artifact_root_beside(uri: str) -> str | None:
    """Where artifacts go beside the records at *uri*: into the folder of those that are files."""
    if scheme_of(uri) != "file":
        return None
    from millrace.stores.file import folder_of  # noqa: PLC0415 - as below

    return Path(folder_of(uri)).absolute().as_uri()


def open_sql(uri: str, *, default_artifact_root: str) -> Stores:
    """Open a database."""
    from millrace.stores.sql.store import SqlStores  # noqa: PLC0415 - SQLAlchemy only when asked for

    return SqlStores(uri, default_artifact_root=default_artifact_root, now_ms=now_ms())


def open_memory(uri: str, *, default_artifact_root: str) -> Stores:  # noqa: ARG001 - an opener
    """Open records that are gone with the process."""
    from millrace.stores.memory import MemoryStores  # noqa: PLC0415 - as above

    return MemoryStores(default_artifact_root=default_artifact_root)


def open_files(uri: str, *, default_artifact_root: str) -> Stores:
    """Open a folder of files in the `mlruns` layout."""
    from millrace.stores.file import FileStores, folder_of  # noqa: PLC0415 - as above

    return FileStores(folder_of(uri), default_artifact_root=default_artifact_root)
