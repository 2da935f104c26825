"""What is kept beside versions in SQL: manifests of their files, comments, copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import and_, delete, insert, or_, select, update

from millrace.core.entities.registry import MANIFEST_STATES, Comment, Manifest
from millrace.core.errors import NotFound
from millrace.core.pages import Page
from millrace.core.rules import manifests
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Position
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.transaction import Transaction

STATE_NUMBERS: Final = {state: place for place, state in enumerate(MANIFEST_STATES)}
PENDING: Final = msgspec.json.encode(Manifest(state="PENDING"))

_m, _v = t.registered_models.c, t.model_versions.c
_c, _f = t.registry_comments.c, t.model_version_manifests.c
_read_manifest = msgspec.json.Decoder(Manifest).decode
_read_comment = msgspec.json.Decoder(Comment).decode
_encode = msgspec.json.Encoder().encode


# --- manifests -----------------------------------------------------------------------------------


def manifest(session: Session, name: str, version: int) -> Manifest | None:
    """The manifest of a version."""
    rows = session.select(
        select(_f.record)
        .join(t.model_versions, _v.id == _f.version_id)
        .where(_v.name == name, _v.version == version)
    )
    return _read_manifest(rows[0][0]) if rows else None


def pending_manifests(session: Session, limit: int) -> list[tuple[str, int]]:
    """Some versions whose manifest is PENDING, the oldest first."""
    rows = session.select(
        select(_v.name, _v.version)
        .join(t.model_version_manifests, _f.version_id == _v.id)
        .where(_f.state == STATE_NUMBERS["PENDING"])
        .order_by(_f.version_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def settle_manifest(
    tx: Transaction, name: str, version: int, found: Manifest, trail: Trail
) -> Manifest:
    """Record the manifest of a version, unless one is recorded."""
    rows = tx.session.select(select(_v.id).where(_v.name == name, _v.version == version))
    if not rows:
        raise NotFound(f"Model Version (name={name}, version={version}) not found.")
    held = manifest(tx.session, name, version)
    if held is not None and held.state == "RECORDED":
        return held
    values = {"state": STATE_NUMBERS[found.state], "digest": found.digest, "record": _encode(found)}
    connection = tx.session.connection
    if held is None:
        connection.execute(
            insert(t.model_version_manifests).values(version_id=rows[0][0], **values)
        )
    else:
        connection.execute(
            update(t.model_version_manifests).where(_f.version_id == rows[0][0]).values(values)
        )
    tx.note(
        trail, "model_version", f"{name}/{version}",
        before=manifests.audited(held), after=manifests.audited(found),
    )  # fmt: skip
    return found


# --- copies --------------------------------------------------------------------------------------


def parent(session: Session, name: str, version: int) -> tuple[str, str] | None:
    """The version that this one is a copy of, if it is still there."""
    above = t.model_versions.alias("above")
    rows = session.select(
        select(above.c.name, above.c.version)
        .join(t.model_versions, _v.parent_id == above.c.id)
        .where(_v.name == name, _v.version == version)
    )
    return (rows[0][0], str(rows[0][1])) if rows else None


def children(session: Session, name: str, version: int) -> list[tuple[str, str]]:
    """The versions that are copies of this one."""
    below = t.model_versions.alias("below")
    rows = session.select(
        select(below.c.name, below.c.version)
        .join(t.model_versions, below.c.parent_id == _v.id)
        .where(_v.name == name, _v.version == version)
        .order_by(below.c.name, below.c.version)
    )
    return [(row[0], str(row[1])) for row in rows]


# --- comments ------------------------------------------------------------------------------------


def add_comment(tx: Transaction, comment: Comment, trail: Trail) -> Comment:
    """Record a comment."""
    models = tx.session.select(select(_m.id).where(_m.name == comment.name))
    if not models:
        raise NotFound(f"Registered Model with name={comment.name} not found.")
    version = None
    if comment.version is not None:
        where = and_(_v.name == comment.name, _v.version == int(comment.version))
        versions = tx.session.select(select(_v.id).where(where))
        if not versions:
            raise NotFound(
                f"Model Version (name={comment.name}, version={comment.version}) not found."
            )
        version = versions[0][0]
    tx.session.connection.execute(
        insert(t.registry_comments).values(
            id=comment.id,
            model_id=models[0][0],
            version_id=version,
            created_ms=comment.creation_timestamp,
            record=_encode(comment),
        )
    )
    tx.note(trail, "comment", comment.id, after=comment)
    return comment


def comment(session: Session, name: str, comment_id: str) -> Comment | None:
    """A comment on a model or on one of its versions."""
    rows = session.select(
        select(_c.record)
        .join(t.registered_models, _m.id == _c.model_id)
        .where(_m.name == name, _c.id == comment_id)
    )
    return _named(rows[0][0], name) if rows else None


def _named(record: bytes, name: str) -> Comment:
    """The comment in *record*, which may be older than the model's name."""
    return replace(_read_comment(record), name=name)


def _there(session: Session, name: str, comment_id: str) -> Comment:
    found = comment(session, name, comment_id)
    if found is None:
        raise NotFound(f"Registered model {name!r} has no comment {comment_id!r}.")
    return found


def change_comment(  # noqa: PLR0913, PLR0917 - which one, and what of it
    tx: Transaction, name: str, comment_id: str, text: str, at_ms: int, trail: Trail
) -> Comment:
    """Change the text of a comment."""
    before = _there(tx.session, name, comment_id)
    after = replace(before, comment=text, last_updated_timestamp=at_ms)
    tx.session.connection.execute(
        update(t.registry_comments).where(_c.id == comment_id).values(record=_encode(after))
    )
    tx.note(trail, "comment", comment_id, before=before, after=after)
    return after


def delete_comment(tx: Transaction, name: str, comment_id: str, trail: Trail) -> None:
    """Delete a comment."""
    before = _there(tx.session, name, comment_id)
    tx.session.connection.execute(delete(t.registry_comments).where(_c.id == comment_id))
    tx.note(trail, "comment", comment_id, before=before)


def comments(
    session: Session, name: str, version: int | None, *, limit: int, after: Position | None
) -> Page[Comment]:
    """Comments on a version, or on the model itself, by time then id."""
    query: Any = (
        select(_c.record, _c.created_ms, _c.id)
        .join(t.registered_models, _m.id == _c.model_id)
        .where(_m.name == name)
    )
    if version is None:
        query = query.where(_c.version_id.is_(None))
    else:
        of = select(_v.id).where(_v.name == name, _v.version == version)
        query = query.where(_c.version_id.in_(of))
    if after is not None:
        at, key = after
        query = query.where(or_(_c.created_ms > at, and_(_c.created_ms == at, _c.id > key)))
    rows = session.select(query.order_by(_c.created_ms, _c.id).limit(limit + 1))
    shown = rows[:limit]
    more = tuple(shown[-1][1:]) if len(rows) > limit else None
    return Page(tuple(_named(row[0], name) for row in shown), more)
