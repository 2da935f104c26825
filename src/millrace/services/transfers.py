"""Bytes in and bytes out, each checked against what was recorded of it.

A file that comes in is visible whole or not at all, and its digest is recorded. A file that goes
out is compared with its record: the last piece is only given away when all of it was right, so that
nobody takes damaged bytes for a whole file. A file on a disk of ours that was found right, and that
the file system says has not been touched since, is taken for right for a while, and may go out
without being looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeVar

import msgspec

from millrace.artifacts.protocols import OnDisk, SmallFile
from millrace.artifacts.streams import Hash
from millrace.core.clock import now_ms
from millrace.core.entities.artifact import ArtifactRecord, ArtifactStat, identity
from millrace.core.errors import (
    AlreadyExists,
    DataLoss,
    InvalidArgument,
    MillraceError,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from millrace.artifacts.protocols import Together
    from millrace.core.entities.artifact import Identity
    from millrace.core.entities.audit import Trail
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords

T = TypeVar("T")

PIECE: Final = 1024 * 1024
"""How much of a file is held at a time."""
CHECKED_FIRST: Final = 64 * PIECE
"""A part of a file of unknown state is sent after all of the file was checked, up to this size."""
_REMEMBERED: Final = 20_000
_TRIES: Final = 20
# How long an announcement of new bytes is taken for one that is still being kept.
_FRESH_MS: Final = 600_000
_SETTLES_S: Final = 0.5
_HASHES: Final = {"sha-512": hashlib.sha512, "md5": hashlib.md5}

logger = logging.getLogger(__name__)


class Replaced(Unavailable):
    """The file was replaced while it was read: there is another one to be read now."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of the bytes that it sends.

    `digests` by the names of RFC 9530, and `md5`; unknown ones are ignored. `replace`: take the
    place of what is there. `expects(etag)` raises when what is there (None: nothing) is not what
    the client thinks.
    """

    size: int | None = None
    digests: dict[str, bytes] = {}
    replace: bool = True
    expects: Callable[[str | None], None] | None = None


class Sent(NamedTuple):
    """A small file that somebody sends, and that may be taken in."""

    spot: Spot
    body: bytes
    offer: Offer
    trail: Trail


class Announced(NamedTuple):
    """That new bytes come: as the ledger was told, None if it had nothing."""

    token: str | None


class Whole(NamedTuple):
    """All of a file, and its digest if one is recorded."""

    body: bytes
    sha256: str | None


class Known(NamedTuple):
    """A file that was found right: which one on the disk it was, its digest, when (monotonic)."""

    identity: Identity
    sha256: str
    at: float


class Opened:
    """A file about to go out. `file`: a descriptor, where it is on a disk of ours.

    `is_right`: there is nothing to compare, or it was compared a while ago. `is_suspect`: something
    is known to speak against it. `sha256` is None when nobody has recorded one.
    """

    def __init__(
        self,
        spot: Spot,
        stat: ArtifactStat,
        *,
        file: int | None,
        record: ArtifactRecord | None,
        judge: Callable[[Opened, ArtifactRecord, str], None],
    ) -> None:
        self.spot = spot
        self.path = spot.path
        self.size = stat.size
        self.modified_ms = stat.modified_ms
        self.sha256 = stat.sha256
        self.etag = stat.sha256 or stat.etag
        self.file = file
        self.is_right = record is None
        self.is_suspect = record is not None and (
            record.broken_ms is not None or record.size != stat.size
        )
        self._record = record
        self._judge = judge

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from *start* up to but without *end*.

        When this is all of a file that is yet to be compared, `DataLoss` comes before its last
        chunk if it is not as recorded.
        """
        stop = self.size if end is None else end
        if self.is_right or start > 0 or stop < self.size:
            return self._read(start, stop)
        return self._compared()

    def compare(self) -> None:
        """Read all of it, and raise `DataLoss` if it is not as recorded."""
        if not self.is_right:
            for _ in self._compared():
                pass

    def close(self) -> None:
        """Let the file go."""
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        if self.file is None:
            yield from self.spot.store.get(self.path, start=start, end=end)
            return
        while start < end:
            chunk = os.pread(self.file, min(PIECE, end - start), start)
            if not chunk:
                raise DataLoss(f"{self.path!r} became shorter while it was read.")
            start += len(chunk)
            yield chunk

    def _compared(self) -> Iterator[bytes]:
        digest = Hash()
        held: bytes | None = None
        try:
            for chunk in self._read(0, self.size):
                digest.update(chunk)  # while the one before is sent
                if held is not None:
                    yield held
                held = chunk
        finally:
            found = digest.hexdigest()
        if self._record is not None:
            self._judge(self, self._record, found)
        self.is_right = True
        if held is not None:
            yield held


class Transfers:
    """Takes files in and gives them out, and keeps the ledger of them.

    *recheck_s*: for how long a file that was found right counts as right. *most_bytes*: the
    largest file taken in; 0 for any.
    """

    def __init__(self, ledger: ArtifactRecords, *, recheck_s: float, most_bytes: int = 0) -> None:
        self._ledger = ledger
        self._recheck_s = recheck_s
        self._most_bytes = most_bytes
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._locks = _Locks()

    # --- in ------------------------------------------------------------------------------------

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
            intake = _Intake(body, offer, self._check_size)
            began = _Began()

            def whole() -> Iterator[bytes]:
                yield from intake
                # From here to the record one file has one writer in this process.
                held.enter_context(self._locks.of(spot.uri))
                if offer.expects is not None:
                    offer.expects(self.etag(spot))
                self._begin(spot, began)

            try:
                stat = spot.store.put(
                    spot.path,
                    whole(),
                    size=offer.size,
                    sha256=wanted.hex() if wanted is not None else None,
                    replace=offer.replace,
                )
            except AlreadyExists as error:
                self._take_back(spot, began)
                raise _failed_precondition(error) from error
            except BaseException:
                self._take_back(spot, began)
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
                    self._take_back(spot, mine)
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
            body=b"".join(_Intake([sent.body], offer, self._check_size)),
            size=offer.size,
            sha256=wanted.hex() if wanted is not None else None,
            replace=offer.replace,
        )

    def _begin_together(
        self, uploads: Sequence[Sent], files: list[SmallFile | MillraceError]
    ) -> list[_Began]:
        """Announce what will replace a file; those that cannot be announced become errors."""
        known = {one.uri for one in self._ledger.records([one.spot.uri for one in uploads])}
        began = [_Began() for _ in uploads]
        asked = [
            (at, token := _token(), tried(partial(self._ledger.begin, one.spot.uri, token)))
            for at, one in enumerate(uploads)
            if one.spot.uri in known and isinstance(files[at], SmallFile)
        ]
        for at, token, future in asked:
            found = future if isinstance(future, MillraceError) else tried(future.result)
            if isinstance(found, MillraceError):
                files[at] = found
            elif found is not None:
                began[at] = _Began(found, token, _etag(uploads[at].spot))
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
        began = _Began()
        self._begin(spot, began)
        try:
            yield Announced(began.token)
        except BaseException:
            self._take_back(spot, began)
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
            token=None if sha256 else _token(),
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

    def _begin(self, spot: Spot, began: _Began) -> None:
        if self._ledger.record(spot.uri) is None:
            return
        token = _token()
        began.known = self._ledger.begin(spot.uri, token).result()
        if began.known is not None:
            began.token = token
            began.etag = _etag(spot)

    def _take_back(self, spot: Spot, began: _Began) -> None:
        """Settle on what was there before, if that is what still is: a store that failed, or did
        not answer, may have the new bytes all the same."""
        if began.known is None or began.known.token is not None or began.etag is None:
            return
        with contextlib.suppress(MillraceError):  # unsettled is true, too
            if _etag(spot) == began.etag:
                self._ledger.settle(began.known, token=began.token).result()

    def _remember_written(self, spot: Spot, stat: ArtifactStat, sha256: str) -> None:
        """The bytes on the disk are those that were just hashed, as long as it is that file."""
        if stat.identity is not None:
            self._remember(spot.uri, stat.identity, sha256)

    # --- out -----------------------------------------------------------------------------------

    def open(self, spot: Spot) -> Opened:
        """The file at *spot*, the caller's to close.

        `NotFound`; `InvalidArgument` for a folder; `DataLoss` when it is known, or seen at once,
        not to be what was taken in.
        """
        for _ in range(_TRIES):
            opened = self._opened(spot)
            try:
                if opened.is_suspect:
                    opened.compare()
            except Replaced:
                opened.close()
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        raise Unavailable(f"{spot.path!r} is replaced again and again; try again.")

    def read_together(self, spots: Sequence[Spot]) -> list[Whole | None]:
        """Small files, read and compared; None for what has to be opened by itself to hear why."""
        found: list[Whole | None] = []
        for spot in spots:
            try:
                opened = self.open(spot)
                try:
                    body = b"".join(opened.chunks())
                finally:
                    opened.close()
            except MillraceError:
                found.append(None)
            else:
                found.append(Whole(body, opened.sha256))
        return found

    def _opened(self, spot: Spot) -> Opened:
        file: int | None = None
        if isinstance(spot.store, OnDisk):
            try:
                file = spot.store.open(spot.path)
            except NotFound:
                raise _missing(spot) from None
            there = os.fstat(file)
            stat = ArtifactStat(
                size=there.st_size,
                modified_ms=there.st_mtime_ns // 1_000_000,
                etag="-".join(f"{part:x}" for part in _identity(file)),
            )
        else:
            found = spot.store.stat(spot.path)
            if found is None:
                raise _missing(spot)
            stat = found
        known = self._known.get(spot.uri)
        if file is not None and known is not None and self._holds(known, file):
            stat = msgspec.structs.replace(stat, sha256=known.sha256)
            return Opened(spot, stat, file=file, record=None, judge=self._judge)
        # Whoever replaces bytes says so first and records them after. So the record is never older
        # than what is open; that it is newer shows when the two are compared.
        record = self._ledger.record(spot.uri)
        if record is not None and record.token is None:
            stat = msgspec.structs.replace(stat, sha256=record.sha256)
        return Opened(spot, stat, file=file, record=record, judge=self._judge)

    def _judge(self, opened: Opened, record: ArtifactRecord, found: str) -> None:
        """Compare what was read with the record, and keep the outcome."""
        spot = opened.spot
        if record.token is not None:
            if _is_fresh(record.token):
                return
            # Whoever announced new bytes died over it, before they were visible or after; these
            # are what there is.
            new = ArtifactRecord(uri=spot.uri, size=opened.size, sha256=found, recorded_ms=now_ms())
            self._ledger.settle(new, token=record.token)
        elif found == record.sha256:
            if record.broken_ms is not None:
                self._ledger.mark(spot.uri, record.sha256, broken_ms=None)
        else:
            self._report(opened, record, found)
        if opened.file is not None:
            self._remember(spot.uri, _identity(opened.file), found)

    def _report(self, opened: Opened, record: ArtifactRecord, found: str) -> NoReturn:
        spot = opened.spot
        # Another file may have taken the name since this one was opened. And two servers may have
        # taken in the first version of a file at once: then the record of one is there a moment
        # before that of the other.
        until = time.monotonic() + _SETTLES_S
        while time.monotonic() < until:
            if self._ledger.record(spot.uri) != record or not self._is_there(opened):
                raise Replaced(f"{opened.path!r} was replaced while it was read; try again.")
            time.sleep(_SETTLES_S / 10)
        logger.error(
            "artifact %s is damaged: %d bytes with SHA-256 %s, recorded %d with %s",
            spot.uri, opened.size, found, record.size, record.sha256,
        )  # fmt: skip
        self._ledger.mark(spot.uri, record.sha256, broken_ms=now_ms()).result()
        raise DataLoss(
            f"The artifact {opened.path!r} is damaged: its bytes are not those that were "
            "uploaded. Upload it again, or restore it from a backup."
        )

    @staticmethod
    def _is_there(opened: Opened) -> bool:
        """Whether the file that is open still has its name."""
        store = opened.spot.store
        if opened.file is None or not isinstance(store, OnDisk):
            return True
        try:
            file = store.open(opened.path)
        except NotFound:
            return False
        try:
            return _identity(file) == _identity(opened.file)
        finally:
            os.close(file)

    def _holds(self, known: Known, file: int) -> bool:
        return time.monotonic() - known.at < self._recheck_s and known.identity == _identity(file)

    def _remember(self, uri: str, identity: Identity, sha256: str) -> None:
        self._known[uri] = Known(identity, sha256, time.monotonic())
        while len(self._known) > _REMEMBERED:
            with contextlib.suppress(KeyError):  # another thread was faster
                self._known.popitem(last=False)


@dataclass
class _Began:
    """What an upload found when its bytes were complete: in the ledger, and in the store."""

    known: ArtifactRecord | None = None
    token: str | None = None
    etag: str | None = None


class _Intake:
    """A body on its way in: measured, and hashed as far as the store does not."""

    def __init__(
        self, body: Iterable[bytes], offer: Offer, check_size: Callable[[int], None]
    ) -> None:
        self._body = body
        self._offered = offer.digests
        self._hashes = {name: make() for name, make in _HASHES.items() if name in offer.digests}
        self._check_size = check_size

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._body:
            size += len(chunk)
            self._check_size(size)
            for one in self._hashes.values():
                one.update(chunk)
            yield chunk
        for name, one in self._hashes.items():
            if one.digest() != self._offered[name]:
                raise InvalidArgument(
                    f"The body has not the {name} digest that was announced: it was damaged on the "
                    "way, or is another file. Send it again."
                )


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


def _is_fresh(token: str) -> bool:
    return now_ms() - int(token.partition("-")[0], 16) < _FRESH_MS


def _identity(file: int) -> Identity:
    return identity(os.fstat(file))


def _etag(spot: Spot) -> str | None:
    """The store's own entity tag of what is at *spot*, if it can be had."""
    try:
        stat = spot.store.stat(spot.path)
    except MillraceError:
        return None
    return stat.etag if stat is not None else None


def _token() -> str:
    return f"{now_ms():x}-{uuid.uuid4().hex}"


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


def _missing(spot: Spot) -> MillraceError:
    if next(iter(spot.store.list(spot.path)), None) is not None:
        return InvalidArgument(f"{spot.path!r} is a folder; name a file in it.")
    return NotFound(f"No artifact {spot.path!r}.")
