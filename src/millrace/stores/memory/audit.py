"""The audit trail in memory: a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core import chain
from millrace.core.entities.audit import NO_TRAIL, PublicKey, SignedHead
from millrace.core.pages import Page

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import (
        AuditEntry,
        AuditQuery,
        Link,
        Trail,
    )
    from millrace.stores.memory.ledger import Ledger


class MemoryAudit:
    """The audit trail of one place; the ledger keeps the chain."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._heads = ledger.numbered("heads", SignedHead)
        self._keys = ledger.table("keys", PublicKey)

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> Future[None]:
        """Write an entry by itself."""
        return self._ledger.write(
            NO_TRAIL, lambda: self._ledger.note(trail, kind, id, before=before, after=after)
        )

    def entries(self, query: AuditQuery, *, limit: int, after: int | None) -> Page[AuditEntry]:
        """A page of the entries that match, the newest first."""
        with self._ledger.lock:
            links = [link for link in self._ledger.chain if after is None or link.seq < after]
        found = [
            entry for link in reversed(links) if _matches(entry := chain.entry_of(link.text), query)
        ]
        page = tuple(found[:limit])
        return Page(page, (page[-1].seq,) if len(found) > limit else None)

    def entry(self, seq: int) -> AuditEntry | None:
        """The entry of that number."""
        links = self.links(after=seq - 1, limit=1)
        return chain.entry_of(links[0].text) if links and links[0].seq == seq else None

    def links(self, *, after: int, limit: int) -> list[Link]:
        """Entries in the order of the chain."""
        with self._ledger.lock:
            return self._ledger.chain[after : after + limit]

    def last(self) -> Link | None:
        """The end of the chain."""
        with self._ledger.lock:
            return self._ledger.chain[-1] if self._ledger.chain else None

    def heads(self, *, after: int, limit: int) -> list[SignedHead]:
        """Signed heads in the order of the chain."""
        with self._ledger.lock:
            return [self._heads[seq] for seq in sorted(self._heads) if seq > after][:limit]

    def last_head(self) -> SignedHead | None:
        """The newest signed head."""
        with self._ledger.lock:
            return self._heads[max(self._heads)] if self._heads else None

    def keys(self) -> list[PublicKey]:
        """The keys that heads were ever signed with."""
        with self._ledger.lock:
            return [self._keys[key_id] for key_id in sorted(self._keys)]

    def add_head(self, head: SignedHead, key: PublicKey) -> Future[bool]:
        """Keep a signed head and its key."""
        return self._ledger.write(NO_TRAIL, lambda: self._add_head(head, key))

    def _add_head(self, head: SignedHead, key: PublicKey) -> bool:
        if head.seq in self._heads:
            return False
        self._keys[key.key_id] = key
        self._heads[head.seq] = head
        return True


def _matches(entry: AuditEntry, query: AuditQuery) -> bool:
    wanted = ("actor", "action", "kind", "id", "request_id")
    return (
        all(getattr(query, name) in {None, getattr(entry, name)} for name in wanted)
        and (query.since_ms is None or entry.at_ms >= query.since_ms)
        and (query.until_ms is None or entry.at_ms < query.until_ms)
    )
