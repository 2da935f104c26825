"""The audit trail: reading it, and signing its end at intervals."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.api.audit import (
    AuditChainReply,
    AuditEntriesReply,
    AuditEntryReply,
    ChainedEntry,
)
from millrace.core import chain, settings
from millrace.core.entities.audit import AuditQuery, SignedHead
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import searching
from millrace.services.verification import head_text

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.api.audit import GetAuditChain, GetAuditEntry, ListAuditEntries
    from millrace.core.entities.audit import PublicKey, Trail
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.services.keyring import KeyRing
    from millrace.stores.protocols import AuditStore

logger = logging.getLogger(__name__)

PAGE: Final = 100
PAGE_MOST: Final = 1_000
SIGN_ENTRIES: Final = 1_000
"""A head is signed when so many entries have come after the last one, ..."""
SIGN_MS: Final = 60_000
"""... or when the last one is that old and there are any."""


class Audit:
    """Shows the trail and signs its end; the stores write it.

    *of_models*: the trail of the database of registered models, where that is another one.
    """

    def __init__(
        self,
        store: AuditStore,
        tokens: Tokens,
        keys: KeyRing,
        *,
        of_models: AuditStore | None = None,
    ) -> None:
        self._store = store
        self._of_models = of_models or store
        self._tokens = tokens
        self._keys = keys
        witness = settings.AUDIT_WITNESS.get()
        self._witness = Path(witness) if witness else None
        self._witness_of_models = Path(f"{witness}.models") if witness else None

    def entries(self, _ctx: Context, request: ListAuditEntries) -> AuditEntriesReply:
        """Entries that match, the newest first."""
        query = AuditQuery(
            actor=request.actor,
            action=request.action,
            kind=request.kind,
            id=request.id,
            request_id=request.request_id,
            since_ms=request.since_ms,
            until_ms=request.until_ms,
        )
        bound = ["audit", msgspec.to_builtins(query), bool(request.registry)]
        after = self._tokens.read(request.page_token, bound)
        page = self._trail(request).entries(
            query,
            limit=searching.limit(request.max_results, default=PAGE, most=PAGE_MOST),
            after=None if after is None else int(after[0] or 0),
        )
        return AuditEntriesReply(
            entries=page.items, next_page_token=self._tokens.write(page.next, bound)
        )

    def entry(self, _ctx: Context, request: GetAuditEntry) -> AuditEntryReply:
        """One entry."""
        links = self._trail(request).links(after=max(request.seq, 1) - 1, limit=1)
        if not links or links[0].seq != request.seq:
            raise NotFound(f"There is no audit entry {request.seq}.")
        (link,) = links
        return AuditEntryReply(
            entry=chain.entry_of(link.text), text=link.text.decode(), hash=link.hash.hex()
        )

    def chain(self, _ctx: Context, request: GetAuditChain) -> AuditChainReply:
        """A stretch of the chain, its heads, and all keys."""
        after = request.after or 0
        if after < 0:
            raise InvalidArgument("Parameter 'after' is the number of an entry, 0 or more.")
        store = self._trail(request)
        links = store.links(
            after=after,
            limit=searching.limit(request.max_results, default=PAGE_MOST, most=PAGE_MOST),
        )
        last = links[-1].seq if links else after
        heads = store.heads(after=after, limit=PAGE_MOST)
        return AuditChainReply(
            entries=tuple(
                ChainedEntry(seq=link.seq, text=link.text.decode(), hash=link.hash.hex())
                for link in links
            ),
            heads=tuple(head for head in heads if head.seq <= last),
            keys=tuple(store.keys()),
        )

    def _trail(self, request: ListAuditEntries | GetAuditEntry | GetAuditChain) -> AuditStore:
        return self.trail(registry=bool(request.registry))

    def trail(self, *, registry: bool) -> AuditStore:
        """The trail of the records, or of the registered models."""
        return self._of_models if registry else self._store

    def refused(self, trail: Trail, kind: str, id: str) -> Future[None]:  # noqa: A002 - the entry's
        """Note an attempt on a protected object that was not allowed (`Context.refusal`)."""
        return self._store.note(trail, kind, id)

    def sign(self, at_ms: int, *, at_once: bool = False) -> bool:
        """Sign the end of each chain if it is time to, or *at_once*; whether a head was added."""
        signed = [self._sign(one, at_ms, at_once=at_once) for one in self._trails()]
        return any(signed)

    def _trails(self) -> list[AuditStore]:
        return list(dict.fromkeys((self._store, self._of_models)))

    def _sign(self, store: AuditStore, at_ms: int, *, at_once: bool) -> bool:
        last = store.last()
        if last is None:
            return False
        before = store.last_head()
        if before is not None:
            fresh = last.seq - before.seq
            is_due = fresh >= SIGN_ENTRIES or at_ms - before.at_ms >= SIGN_MS
            if not fresh or not (is_due or at_once):
                return False
        key = self._keys.public_key()
        head = SignedHead(
            seq=last.seq, hash=last.hash.hex(), at_ms=at_ms, key_id=key.key_id, signature=""
        )
        head = msgspec.structs.replace(head, signature=self._keys.sign(head_text(head)))
        if not store.add_head(head, key).result():
            return False
        self._tell_witness(head, self._witness if store is self._store else self._witness_of_models)
        return True

    def rotate_key(self, ctx: Context) -> PublicKey:
        """Sign with a new key from now on. The old one signs the entry that names the new one."""
        before = self._keys.public_key()
        # Made first and used last: when the entry cannot be written the old key goes on.
        after = self._keys.next_signing()
        trail = ctx.trail("audit.rotate_key")
        for store in self._trails():
            store.note(trail, "signing_key", "audit", before=before, after=after).result()
        self.sign(ctx.at_ms, at_once=True)
        self._keys.rotate_signing(after)
        return after

    @staticmethod
    def _tell_witness(head: SignedHead, witness: Path | None) -> None:
        if witness is None:
            return
        try:
            with witness.open("ab") as stream:
                stream.write(msgspec.json.encode(head) + b"\n")
        except OSError as error:
            logger.error("the audit witness %s cannot be written: %s", witness, error)  # noqa: TRY400 - the cause says it all
