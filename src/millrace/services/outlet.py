"""Bytes out, each compared with what was recorded of it.

The last piece of a file is only given away when all of it was right, so that nobody takes damaged
bytes for a whole file. A file on a disk of ours that was found right, and that the file system says
has not been touched since, is taken for right for a while, and may go out without being looked at.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import msgspec

from millrace.artifacts.protocols import OnDisk, is_at_hand, is_on_disk
from millrace.artifacts.streams import Hash
from millrace.core.clock import now_ms
from millrace.core.entities.artifact import ArtifactRecord, ArtifactStat, identity
from millrace.core.errors import DataLoss, InvalidArgument, MillraceError, NotFound, Unavailable
from millrace.services.announcing import is_fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from millrace.core.entities.artifact import Identity
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords

PIECE: Final = 1024 * 1024
"""How much of a file is held at a time."""
CHECKED_FIRST: Final = 64 * PIECE
"""A part of a file of unknown state is sent after all of the file was checked, up to this size."""
_REMEMBERED: Final = 20_000
_TRIES: Final = 20
_SETTLES_S: Final = 0.5

logger = logging.getLogger(__name__)


class Replaced(Unavailable):
    """The file was replaced while it was read: there is another one to be read now."""


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


class _Held(Opened):
    """The same, with all bytes here and right."""

    def __init__(
        self,
        spot: Spot,
        stat: ArtifactStat,
        body: bytes,
        *,
        judge: Callable[[Opened, ArtifactRecord, str], None],
    ) -> None:
        super().__init__(spot, stat, file=None, record=None, judge=judge)
        self._body = body

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        yield self._body[start:end]


class Outlet:
    """Gives files out. *recheck_s*: for how long a file that was found right counts as right."""

    def __init__(self, ledger: ArtifactRecords, *, recheck_s: float) -> None:
        self._ledger = ledger
        self._recheck_s = recheck_s
        self._known: OrderedDict[str, Known] = OrderedDict()

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

    def at_hand(self, spot: Spot, most: int) -> Opened | None:
        """A file of at most *most* bytes that is known to be right and in memory; None for any
        other: then `open` tells. It never waits."""
        known = self._known.get(spot.uri)
        if known is None or not self._is_young(known) or not is_at_hand(spot.store):
            return None
        found = spot.store.read_at_hand(spot.path, most)
        if found is None or known.identity != identity(found[0]):
            return None
        there, body = found
        modified_ms = there.st_mtime_ns // 1_000_000
        stat = ArtifactStat(size=len(body), modified_ms=modified_ms, sha256=known.sha256)
        return _Held(spot, stat, body, judge=self._judge)

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
        state: Identity | None = None
        if is_on_disk(spot.store):
            try:
                file = spot.store.open(spot.path)
            except NotFound:
                raise missing(spot) from None
            there = os.fstat(file)
            state = identity(there)
            stat = ArtifactStat(
                size=there.st_size,
                modified_ms=there.st_mtime_ns // 1_000_000,
                etag="-".join(f"{part:x}" for part in state),
            )
        else:
            found = spot.store.stat(spot.path)
            if found is None:
                raise missing(spot)
            stat = found
        known = self._known.get(spot.uri)
        if known is not None and known.identity == state and self._is_young(known):
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
            if is_fresh(record.token):
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
            self.remember(spot.uri, _identity(opened.file), found)

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

    def _is_young(self, known: Known) -> bool:
        return time.monotonic() - known.at < self._recheck_s

    def remember(self, uri: str, identity: Identity, sha256: str) -> None:
        """That state of that file on the disk is right."""
        self._known[uri] = Known(identity, sha256, time.monotonic())
        while len(self._known) > _REMEMBERED:
            with contextlib.suppress(KeyError):  # another thread was faster
                self._known.popitem(last=False)


def _identity(file: int) -> Identity:
    return identity(os.fstat(file))


def missing(spot: Spot) -> MillraceError:
    """The error of a spot where no file is."""
    if next(iter(spot.store.list(spot.path)), None) is not None:
        return InvalidArgument(f"{spot.path!r} is a folder; name a file in it.")
    return NotFound(f"No artifact {spot.path!r}.")
