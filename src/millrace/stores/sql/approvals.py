"""Policies, requests and the history of places in SQL."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import and_, bindparam, delete, or_, select

from millrace.core.entities.approval import ApprovalRequest, Outcome, Policy, Step
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import NotFound
from millrace.core.pages import Page
from millrace.stores import guarding
from millrace.stores.sql import registry_notes as notes
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import upsert
from millrace.stores.sql.registry_rows import RegistryRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from millrace.core.chain import Recorded
    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import Figures, Verdict, Wish
    from millrace.core.entities.audit import Trail
    from millrace.core.entities.registry import (
        Manifest,
        ModelVersion,
        Move,
        RegisteredModel,
        Stage,
    )
    from millrace.core.pages import Position
    from millrace.stores.sql.engine import Database
    from millrace.stores.sql.registry_rows import RegistryStatements
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

T = TypeVar("T")

_p, _r, _s = t.approval_policies.c, t.approval_requests.c, t.registry_steps.c
_read_policy = msgspec.json.Decoder(Policy).decode
_read_request = msgspec.json.Decoder(ApprovalRequest).decode
_read_step = msgspec.json.Decoder(Step).decode
_encode = msgspec.json.Encoder().encode
_OPEN = (
    select(_r.record)
    .where(_r.name == bindparam("of_name"), _r.is_open == 1)
    .order_by(_r.created_ms, _r.id)
)


class GuardStatements:
    """Prepared statements that every move of a version needs."""

    def __init__(self, database: Database) -> None:
        self.policies = database.prepare(select(_p.record).order_by(_p.models))
        columns = ("id", "name", "record")
        self.put_step = database.prepare(
            upsert(t.registry_steps, changed=("name", "record")), *columns
        )


class SqlBooks:
    """`guarding.Books` through one transaction of the writer."""

    def __init__(
        self, tx: Transaction, rows: RegistryStatements, own: GuardStatements, trail: Trail
    ) -> None:
        self.rows = RegistryRows(tx, rows, trail)
        self._tx = tx
        self._own = own
        self._trail = trail

    @property
    def acting(self) -> str:
        """Who makes the change."""
        return "" if self._trail.act is None else self._trail.act.actor

    def policies(self) -> list[Policy]:
        """All policies."""
        return [_read_policy(row[0]) for row in self._tx.session.rows(self._own.policies, ())]

    def model(self, name: str) -> RegisteredModel:
        """The model."""
        return self.rows.model(name).entity

    def version(self, name: str, version: int) -> ModelVersion:
        """The version."""
        return self.rows.version(name, version).entity

    def in_stage(self, name: str, stage: Stage) -> list[ModelVersion]:
        """The versions in a stage, the highest first."""
        return self.rows.in_stage(name, stage)

    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version."""
        return notes.manifest(self._tx.session, name, version)

    def move(self, move: Move) -> ModelVersion | None:
        """Make a move."""
        return self.rows.move(move)

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        rows = self._tx.session.select(
            select(_r.record).where(_r.id == request_id, _r.name == name)
        )
        return _read_request(rows[0][0]) if rows else None

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests that nobody decided yet."""
        rows = self._tx.session.select(_OPEN.params(of_name=name))
        return [_read_request(row[0]) for row in rows]

    def put_request(self, request: ApprovalRequest) -> None:
        """Record a request anew."""
        statement = upsert(t.approval_requests, changed=("is_open", "record"))
        self._tx.session.connection.execute(
            statement,
            {
                "id": request.id,
                "name": request.wish.name,
                "is_open": int(request.state == "OPEN"),
                "created_ms": request.creation_timestamp,
                "record": _encode(request),
            },
        )

    def steps(self, name: str) -> list[Step]:
        """The history, the newest first."""
        rows = self._tx.session.select(
            select(_s.record).where(_s.name == name).order_by(_s.id.desc())
        )
        return [_read_step(row[0]) for row in rows]

    def next_step(self) -> int:
        """A fresh number."""
        return self._tx.next_id("registry_steps")

    def put_step(self, step: Step) -> None:
        """Record a step anew."""
        self._tx.session.run(self._own.put_step, (step.id, step.name, _encode(step)))

    def forget_steps(self, name: str) -> None:
        """Forget the history of a model."""
        self._tx.session.connection.execute(delete(t.registry_steps).where(_s.name == name))

    def note(
        self, kind: str, name: str, *, before: Recorded = None, after: Recorded = None
    ) -> None:
        """Audit a change."""
        self._tx.note(self._trail, kind, name, before=before, after=after)

    def tell(self, event: str, payload: Recorded) -> None:
        """Tell webhooks of an event."""
        self._tx.emit(self._trail, event, payload)


class SqlApprovals:
    """The policies of one database and what is asked for under them."""

    def __init__(
        self, database: Database, writer: Writer[Transaction], rows: RegistryStatements
    ) -> None:
        self._database = database
        self._writer = writer
        self._rows = rows
        self._own = GuardStatements(database)

    def write(self, trail: Trail, kind: type[T], change: Callable[[SqlBooks], T]) -> Future[T]:
        """Make a change on which policies have a word."""

        def apply(tx: Transaction) -> T:
            books = SqlBooks(tx, self._rows, self._own, trail)
            return tx.once(trail, kind, lambda: change(books))

        return self._writer.submit(apply, savepoint=False)

    # --- policies -------------------------------------------------------------------------------

    def policies(self) -> list[Policy]:
        """All policies by pattern."""
        with self._database.reading() as session:
            return [_read_policy(row[0]) for row in session.rows(self._own.policies, ())]

    def set_policy(self, policy: Policy, *, trail: Trail = NO_TRAIL) -> Future[Policy]:
        """Record a policy in place of the one with its pattern."""

        def put(tx: Transaction) -> Policy:
            before = _policy(tx, policy.models)
            tx.session.connection.execute(
                upsert(t.approval_policies, changed=("record",)),
                {"models": policy.models, "record": _encode(policy)},
            )
            tx.note(trail, "approval_policy", policy.models, before=before, after=policy)
            return policy

        return self._writer.submit(lambda tx: tx.once(trail, Policy, lambda: put(tx)))

    def delete_policy(self, models: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a policy."""

        def drop(tx: Transaction) -> None:
            before = _policy(tx, models)
            if before is None:
                raise NotFound(f"There is no approval policy for {models!r}.")
            tx.session.connection.execute(delete(t.approval_policies).where(_p.models == models))
            tx.note(trail, "approval_policy", models, before=before)

        return self._writer.submit(lambda tx: tx.once(trail, type(None), lambda: drop(tx)))

    # --- requests -------------------------------------------------------------------------------

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        with self._database.reading() as session:
            rows = session.select(select(_r.record).where(_r.id == request_id, _r.name == name))
        return _read_request(rows[0][0]) if rows else None

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests about the model that nobody decided yet, the oldest first."""
        with self._database.reading() as session:
            return [_read_request(row[0]) for row in session.select(_OPEN.params(of_name=name))]

    def requests(
        self,
        name: str | None,
        *,
        is_open: bool | None = None,
        newest_first: bool = False,
        limit: int,
        after: Position | None,
    ) -> Page[ApprovalRequest]:
        """Requests by creation time then id."""
        query = select(_r.record)
        if name is not None:
            query = query.where(_r.name == name)
        if is_open is not None:
            query = query.where(_r.is_open == int(is_open))
        if after is not None:
            at, key = after
            beyond: Any = operator.lt if newest_first else operator.gt
            same = and_(_r.created_ms == at, beyond(_r.id, key))
            query = query.where(or_(beyond(_r.created_ms, at), same))
        order = [one.desc() if newest_first else one.asc() for one in (_r.created_ms, _r.id)]
        with self._database.reading() as session:
            rows = session.select(query.order_by(*order).limit(limit + 1))
        found = [_read_request(row[0]) for row in rows]
        shown = tuple(found[:limit])
        more = (shown[-1].creation_timestamp, shown[-1].id) if len(found) > limit else None
        return Page(shown, more)

    def ask(
        self,
        wish: Wish,
        figures: Mapping[str, Figures],
        made: ApprovalRequest,
        *,
        trail: Trail = NO_TRAIL,
    ) -> Future[ApprovalRequest]:
        """Record a request."""
        return self.write(
            trail, ApprovalRequest, lambda books: guarding.ask(books, wish, figures, made)
        )

    def decide(  # noqa: PLR0913 - who says what of which request, and what is known
        self,
        name: str,
        request_id: str,
        verdict: Verdict,
        *,
        comment: str | None,
        actor: Actor,
        at_ms: int,
        figures: Mapping[str, Figures],
        trail: Trail = NO_TRAIL,
    ) -> Future[Outcome]:
        """Record what somebody says of a request."""
        return self.write(
            trail,
            Outcome,
            lambda books: guarding.decide(
                books, name, request_id, verdict, comment, actor, at_ms, figures
            ),
        )

    def roll_back(self, wish: Wish, at_ms: int, *, trail: Trail = NO_TRAIL) -> Future[Step]:
        """Return a place to what it was before."""
        return self.write(trail, Step, lambda books: guarding.roll_back(books, wish, at_ms))


def _policy(tx: Transaction, models: str) -> Policy | None:
    rows = tx.session.select(select(_p.record).where(_p.models == models))
    return _read_policy(rows[0][0]) if rows else None
