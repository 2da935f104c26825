"""PostgreSQL servers of our own, as durable as they come: fsync and full page writes are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests import databases

# Sixteen connections and a few workers; what else is set is durability.
_SETTINGS = ("fsync=on", "full_page_writes=on", "synchronous_commit=on")


@dataclass(frozen=True)
class Server:
    """A server with one empty database."""

    pid: int
    place: str
    """User, host, port and database: a URI without its scheme."""
    private: databases.Server

    @property
    def uri(self) -> str:
        """The database, as drivers take it."""
        return f"postgresql://{self.place}"

    def stop(self) -> None:
        """Stop it and remove what it stored."""
        self.private.stop()


def start() -> Server:
    """Start one; raise `RuntimeError` where PostgreSQL is not installed."""
    # Here because the harness needs the test environment for nothing else.
    from tests import databases  # noqa: PLC0415 - as said

    try:
        private = databases.private_postgres(*_SETTINGS)
    except LookupError as error:
        raise RuntimeError(f"{error}; apt-get install postgresql") from error
    assert private.process is not None
    place = private.uri(private.create()).partition("://")[2]
    return Server(private.process.child.pid, place, private)
