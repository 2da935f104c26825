"""The audit trail: a chain of entries that only grows, and its signed heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import (
        AuditEntry,
        AuditQuery,
        Link,
        PublicKey,
        SignedHead,
        Trail,
    )
    from millrace.core.pages import Page


class AuditStore(Protocol):
    """The audit trail: a chain of entries that only grows, and its signed heads.

    Nearly all entries are written by other stores, beside a change whose trail has an act. Numbers
    of entries begin with 1 and have no gaps.
    """

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> Future[None]:
        """Write an entry by itself, for what changes no record: a refusal, or a file of ours."""
        ...

    def entries(self, query: AuditQuery, *, limit: int, after: int | None) -> Page[AuditEntry]:
        """Matching entries, the newest first, of those before the number *after*."""
        ...

    def entry(self, seq: int) -> AuditEntry | None: ...

    def links(self, *, after: int, limit: int) -> list[Link]:
        """At most *limit* entries beyond the number *after*, in the order of the chain."""
        ...

    def last(self) -> Link | None:
        """The end of the chain."""
        ...

    def heads(self, *, after: int, limit: int) -> list[SignedHead]:
        """Signed heads beyond the number *after*, in order."""
        ...

    def last_head(self) -> SignedHead | None: ...

    def keys(self) -> list[PublicKey]:
        """Every key that a head was ever signed with, by id."""
        ...

    def add_head(self, head: SignedHead, key: PublicKey) -> Future[bool]:
        """Keep a signed head and its key; False when that entry has a signed head already."""
        ...
