"""Bytes in, each file visible whole or not at all, its digest taken on the way and recorded.

What goes out is compared with that: `services.outlet`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from millrace.artifacts.protocols import SmallFile
from millrace.core.clock import now_ms
from millrace.core.entities.artifact import ArtifactRecord, ArtifactStat
from millrace.core.errors import AlreadyExists, MillraceError, PreconditionFailed, TooLarge
from millrace.services.announcing import Announced, Announcements, Began, etag_of, new_token
from millrace.services.offers import Intake
from millrace.services.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from millrace.artifacts.protocols import Together
    from millrace.core.entities.audit import Trail
    from millrace.services.offers import Offer, Sent
    from millrace.services.outlet import Opened, Whole
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords

T = TypeVar("T")


class Transfers:
    """Takes files in and gives them out, and keeps the ledger of them.

    *recheck_s*: for how long a file that was found right counts as right. *most_bytes*: the
    largest file taken in; 0 for any.
    """

    def __init__(self, ledger: ArtifactRecords, *, recheck_s: float, most_bytes: int = 0) -> None:
        self._ledger = ledger
        self._most_bytes = most_bytes
        self._announcements = Announcements(ledger)
        self._outlet = Outlet(ledger, recheck_s=recheck_s)
        self._locks = _Locks()

    def receive(
        self, spot: Spot, body: Iterable[bytes], offer: Offer, *, trail: Trail
    ) -> ArtifactRecord:
        """Keep *body* at *spot*, visible whole or not at all, and record what it was.

        `InvalidArgument` when it is not what was offered, `PreconditionFailed` when what is there
        is not what the client expects, `TooLarge`; nothing has changed then.
        """
        if offer.size is not None:
            self._check_size(offer.size)
        if offer.expects is not None:
            offer.expects(self.etag(spot))
        wanted = offer.digests.get("sha-256")
        with contextlib.ExitStack() as held:
            intake = Intake(body, offer, self._check_size)
            began = Began()

            def whole() -> Iterator[bytes]:
                yield from intake
                # From here to the record one file has one writer in this process.
                held.enter_context(self._locks.of(spot.uri))
                if offer.expects is not None:
                    offer.expects(self.etag(spot))
                self._announcements.begin(spot, began)

            try:
                stat = spot.store.put(
                    spot.path,
                    whole(),
                    size=offer.size,
                    sha256=wanted.hex() if wanted is not None else None,
                    replace=offer.replace,
                )
            except AlreadyExists as error:
                self._announcements.take_back(spot, began)
                raise _failed_precondition(error) from error
            except BaseException:
                self._announcements.take_back(spot, began)
                raise
            record = _new_record(spot, stat)
            self._ledger.settle(record, token=began.token, trail=trail).result()
            self._remember_written(spot, stat, record.sha256)
        return record

    def receive_together(
        self, store: Together, uploads: Sequence[Sent]
    ) -> list[ArtifactRecord | MillraceError]:
        """`receive` for small files that are all here, each another one; all go to *store*.

        They wait for the disk and the ledger together.
        """
        with contextlib.ExitStack() as held:
            # All who take several take them in this order, so nobody waits for ever.
            for uri in sorted(one.spot.uri for one in uploads):
                held.enter_context(self._locks.of(uri))
            files = [tried(partial(self._looked_at, one)) for one in uploads]
            began = self._begin_together(uploads, files)
            stats = store.put_together([one for one in files if isinstance(one, SmallFile)])
            arrived = iter(stats)
            found = [one if isinstance(one, MillraceError) else next(arrived) for one in files]
            settled: list[tuple[ArtifactRecord, Future[None]] | MillraceError] = []
            for (spot, _, _, trail), stat, mine in zip(uploads, found, began, strict=True):
                if isinstance(stat, MillraceError):
                    self._announcements.take_back(spot, mine)
                    settled.append(_failed_precondition(stat))
                    continue
                record = _new_record(spot, stat)
                settle = partial(self._ledger.settle, record, token=mine.token, trail=trail)
                future = tried(settle)
                settled.append(future if isinstance(future, MillraceError) else (record, future))
            return [
                self._recorded(one.spot, stat, each)
                for one, stat, each in zip(uploads, found, settled, strict=True)
            ]

    def _looked_at(self, sent: Sent) -> SmallFile:
        offer, spot = sent.offer, sent.spot
        if offer.expects is not None:
            offer.expects(self.etag(spot))
        wanted = offer.digests.get("sha-256")
        return SmallFile(
            path=spot.path,
            body=b"".join(Intake([sent.body], offer, self._check_size)),
            size=offer.size,
            sha256=wanted.hex() if wanted is not None else None,
            replace=offer.replace,
        )

    def _begin_together(
        self, uploads: Sequence[Sent], files: list[SmallFile | MillraceError]
    ) -> list[Began]:
        """Announce what will replace a file; those that cannot be announced become errors."""
        known = {one.uri for one in self._ledger.records([one.spot.uri for one in uploads])}
        began = [Began() for _ in uploads]
        asked = [
            (at, token := new_token(), tried(partial(self._ledger.begin, one.spot.uri, token)))
            for at, one in enumerate(uploads)
            if one.spot.uri in known and isinstance(files[at], SmallFile)
        ]
        for at, token, future in asked:
            found = future if isinstance(future, MillraceError) else tried(future.result)
            if isinstance(found, MillraceError):
                files[at] = found
            elif found is not None:
                began[at] = Began(found, token, etag_of(uploads[at].spot))
        return began

    def _recorded(
        self,
        spot: Spot,
        stat: ArtifactStat | MillraceError,
        settled: tuple[ArtifactRecord, Future[None]] | MillraceError,
    ) -> ArtifactRecord | MillraceError:
        if isinstance(settled, MillraceError):
            return settled
        record, future = settled
        failure = tried(future.result)
        if isinstance(stat, ArtifactStat) and failure is None:
            self._remember_written(spot, stat, record.sha256)
        return failure or record

    def etag(self, spot: Spot) -> str | None:
        """The entity tag of what is at *spot* now; None when there is no file."""
        stat = spot.store.stat(spot.path)
        if stat is None:
            return None
        record = self._ledger.record(spot.uri)
        is_settled = record is not None and record.token is None and record.size == stat.size
        return record.sha256 if record is not None and is_settled else stat.etag

    def find_alike(self, spot: Spot, sha256: str, size: int, scope: str) -> list[str]:
        """URIs below *scope* of files with these bytes, *spot* itself first if it has them."""
        found = [
            one.uri
            for one in self._ledger.alike(sha256, size)
            if one.uri.startswith(scope.rstrip("/") + "/")
        ]
        return sorted(found, key=lambda uri: uri != spot.uri)

    @contextlib.contextmanager
    def replacing(self, spot: Spot) -> Iterator[Announced]:
        """Say that bytes come to *spot* now which do not pass through here. When the block fails
        and nothing was replaced, all is as it was."""
        began = Began()
        self._announcements.begin(spot, began)
        try:
            yield Announced(began.token)
        except BaseException:
            self._announcements.take_back(spot, began)
            raise

    def record_told(
        self, spot: Spot, announced: Announced, *, size: int, sha256: str | None, trail: Trail
    ) -> None:
        """Record what a client says of bytes that did not pass through here. Without a digest the
        record stays unsettled until a full reading finds one (`read_back`, or the first that comes
        a while later)."""
        record = ArtifactRecord(
            uri=spot.uri,
            size=size,
            sha256=sha256 or "",
            recorded_ms=now_ms(),
            token=None if sha256 else new_token(),
        )
        self._ledger.settle(record, token=announced.token, trail=trail).result()

    def read_back(self, spot: Spot, goes_on: Callable[[], bool]) -> None:
        """Read all of a file that did not pass through here, while *goes_on*: compare it with the
        digest that is recorded (`DataLoss`), or record the one that is found."""
        record = self._ledger.record(spot.uri)
        before = spot.store.stat(spot.path)
        if record is None or before is None:
            return  # deleted meanwhile
        if record.token is None:
            with contextlib.closing(self.open(spot)) as opened:
                for _ in itertools.takewhile(lambda _: goes_on(), opened.chunks()):
                    pass
            return
        digest = hashlib.sha256()
        with contextlib.closing(spot.store.get(spot.path)) as body:
            for chunk in body:
                digest.update(chunk)
                if not goes_on():
                    return
        if spot.store.stat(spot.path) == before:
            new = ArtifactRecord(
                uri=spot.uri, size=before.size, sha256=digest.hexdigest(), recorded_ms=now_ms()
            )
            self._ledger.settle(new, token=record.token).result()

    def forget(self, spot: Spot, *, trail: Trail) -> None:
        """Drop the records of a file or folder that is about to be deleted."""
        self._ledger.forget(spot.uri, trail=trail).result()

    def recorded(self, spot: Spot) -> ArtifactRecord | None:
        """The record of the file at *spot*."""
        return self._ledger.record(spot.uri)

    def _check_size(self, size: int) -> None:
        if self._most_bytes and size > self._most_bytes:
            raise TooLarge(
                f"The file is larger than the {self._most_bytes} bytes that this server takes."
            )

    def _remember_written(self, spot: Spot, stat: ArtifactStat, sha256: str) -> None:
        """The bytes on the disk are those that were just hashed, as long as it is that file."""
        if stat.identity is not None:
            self._outlet.remember(spot.uri, stat.identity, sha256)

    # --- out -----------------------------------------------------------------------------------

    def open(self, spot: Spot) -> Opened:
        """See `Outlet.open`."""
        return self._outlet.open(spot)

    def at_hand(self, spot: Spot, most: int) -> Opened | None:
        """See `Outlet.at_hand`."""
        return self._outlet.at_hand(spot, most)

    def read_together(self, spots: Sequence[Spot]) -> list[Whole | None]:
        """See `Outlet.read_together`."""
        return self._outlet.read_together(spots)


class _Locks:
    """A lock for each name that is in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        with self._lock:
            lock, users = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._locks.pop(name)
                if users > 1:
                    self._locks[name] = lock, users - 1


def _new_record(spot: Spot, stat: ArtifactStat) -> ArtifactRecord:
    return ArtifactRecord(
        uri=spot.uri,
        size=stat.size,
        sha256=stat.sha256 or _digest(spot),
        recorded_ms=now_ms(),
    )


def _failed_precondition(error: MillraceError) -> MillraceError:
    """*error*, as it reads for who had asked that nothing be replaced."""
    return PreconditionFailed(error.message) if isinstance(error, AlreadyExists) else error


def tried(call: Callable[[], T]) -> T | MillraceError:
    """What *call* returns, or the error that it raises."""
    try:
        return call()
    except MillraceError as error:
        return error


def _digest(spot: Spot) -> str:
    """The digest of what a store has, for stores that do not tell that of what they took."""
    digest = hashlib.sha256()
    for chunk in spot.store.get(spot.path):
        digest.update(chunk)
    return digest.hexdigest()
