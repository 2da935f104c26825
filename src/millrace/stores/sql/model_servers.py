"""Model servers in SQL: JSON, kept beside what they are found by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import and_, delete, or_, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.model_server import ModelServer
from millrace.core.errors import NotFound
from millrace.core.pages import Page
from millrace.core.rules import model_servers as rules
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import upsert

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sqlalchemy import Select

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.model_server import ServersAsked
    from millrace.core.pages import Position
    from millrace.stores.sql.engine import Database, Row, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_s, _v = t.model_servers.c, t.model_versions.c
_read = msgspec.json.Decoder(ModelServer).decode
_CHANGED = ("version_id", "endpoint", "host", "started_ms", "lease_ms", "record")


class SqlModelServers:
    """What serves the versions of one database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def announce_server(
        self, server: ModelServer, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelServer]:
        """Record a server."""

        def put(tx: Transaction) -> ModelServer:
            where = and_(_v.name == server.name, _v.version == int(server.version))
            versions = tx.session.select(select(_v.id).where(where))
            if not versions:
                raise NotFound(
                    f"Model Version (name={server.name}, version={server.version}) not found."
                )
            before = _held(tx.session, server.server_id)
            tx.session.connection.execute(
                upsert(t.model_servers, changed=_CHANGED),
                {
                    "id": server.server_id,
                    "version_id": versions[0][0],
                    "endpoint": server.endpoint,
                    "host": server.host,
                    "started_ms": server.started_timestamp,
                    "lease_ms": server.lease_until_timestamp,
                    "record": msgspec.json.encode(server),
                },
            )
            _note(tx, trail, before, server)
            return server

        return self._writer.submit(lambda tx: tx.once(trail, ModelServer, lambda: put(tx)))

    def renew_server(self, server_id: str, until_ms: int) -> Future[None]:
        """Have its lease end at another time."""

        def renew(tx: Transaction) -> None:
            rules.there(server_id, _held(tx.session, server_id))
            tx.session.connection.execute(
                update(t.model_servers).where(_s.id == server_id).values(lease_ms=until_ms)
            )

        return self._writer.submit(renew)

    def withdraw_server(self, server_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Forget a server."""

        def forget(tx: Transaction) -> None:
            _forget(tx, rules.there(server_id, _held(tx.session, server_id)), trail)

        return self._writer.submit(lambda tx: tx.once(trail, type(None), lambda: forget(tx)))

    def expire_servers(self, now_ms: int) -> int:
        """Forget the servers whose lease has ended."""
        ended = _joined().where(_s.lease_ms <= now_ms)
        with self._database.reading() as session:
            if not session.select(select(_s.id).where(_s.lease_ms <= now_ms).limit(1)):
                return 0
        trail = rules.expiry(now_ms)

        def forget(tx: Transaction) -> int:
            gone = list(map(_server, tx.session.select(ended)))
            for one in gone:
                _note(tx, trail, one, None)
            # Also those whose version is gone.
            tx.session.connection.execute(delete(t.model_servers).where(_s.lease_ms <= now_ms))
            return len(gone)

        return self._writer.submit(forget).result()

    def server(self, server_id: str) -> ModelServer | None:
        """The server of that id."""
        with self._database.reading() as session:
            return _held(session, server_id)

    def servers(
        self, asked: ServersAsked, *, limit: int, after: Position | None = None
    ) -> Page[ModelServer]:
        """Servers whose lease goes on."""
        wanted = {
            _v.name: asked.name,
            _v.version: asked.version,
            _s.endpoint: asked.endpoint,
            _s.host: asked.host,
        }
        query = _joined().where(
            _s.lease_ms > asked.at_ms,
            *(column == value for column, value in wanted.items() if value is not None),
        )
        if after is not None:
            at, key = after
            query = query.where(or_(_s.started_ms > at, and_(_s.started_ms == at, _s.id > key)))
        with self._database.reading() as session:
            rows = session.select(query.order_by(_s.started_ms, _s.id).limit(limit + 1))
        shown = tuple(map(_server, rows[:limit]))
        more = (shown[-1].started_timestamp, shown[-1].server_id) if len(rows) > limit else None
        return Page(shown, more)


def _joined() -> Select[Any]:
    return select(_s.record, _s.lease_ms, _v.name).join(t.model_versions, _v.id == _s.version_id)


def _server(row: Row) -> ModelServer:
    """The server in a row, whose model may have another name by now."""
    record, lease_ms, name = row
    return replace(_read(record), lease_until_timestamp=lease_ms, name=name)


def _held(session: Session, server_id: str) -> ModelServer | None:
    rows = session.select(_joined().where(_s.id == server_id))
    return _server(rows[0]) if rows else None


def _forget(tx: Transaction, server: ModelServer, trail: Trail) -> None:
    tx.session.connection.execute(delete(t.model_servers).where(_s.id == server.server_id))
    _note(tx, trail, server, None)


def _note(
    tx: Transaction, trail: Trail, before: ModelServer | None, after: ModelServer | None
) -> None:
    held = after or before
    if held is not None:
        tx.note(
            trail, "model_server", held.server_id,
            before=None if before is None else before.recorded(),
            after=None if after is None else after.recorded(),
        )  # fmt: skip
