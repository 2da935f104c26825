"""The ledger of artifacts in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.overview import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.stores.memory.ledger import Ledger


def settled(known: ArtifactRecord | None, new: ArtifactRecord, token: str | None) -> ArtifactRecord:
    """What the ledger holds after `settle`; see `ArtifactRecords`."""
    if known is None or known.sha256 == new.sha256 or known.token == token is not None:
        return new
    # Replaced by two at once: nobody knows whose bytes came last.
    return msgspec.structs.replace(new, token=f"{new.recorded_ms:x}-both")


class MemoryArtifacts:
    """Records of files, in a dictionary."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._records = ledger.table("artifacts", ArtifactRecord)

    def record(self, uri: str) -> ArtifactRecord | None:
        """The record of a file."""
        with self._ledger.lock:
            return self._records.get(uri)

    def records(self, uris: Sequence[str]) -> Sequence[ArtifactRecord]:
        """The records of some files."""
        with self._ledger.lock:
            return [found for uri in uris if (found := self._records.get(uri))]

    def begin(self, uri: str, token: str) -> Future[ArtifactRecord | None]:
        """Note that the bytes will be replaced."""

        def change() -> ArtifactRecord | None:
            known = self._records.get(uri)
            if known is not None:
                self._records[uri] = msgspec.structs.replace(known, token=token)
            return known

        return self._ledger.write(NO_TRAIL, change)

    def settle(
        self, record: ArtifactRecord, *, token: str | None, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Record what is visible now."""

        def change() -> None:
            known = self._records.get(record.uri)
            new = settled(known, record, token)
            if known is not None:
                self._ledger.note(trail, "artifact", record.uri, before=known, after=new)
            self._records[record.uri] = new

        return self._ledger.write(trail, change)

    def forget(self, uri: str, *, trail: Trail = NO_TRAIL) -> Future[int]:
        """Drop the record of a file and of all below."""

        def change() -> int:
            gone = [one.uri for one in self.below(uri)]
            for one in gone:
                del self._records[one]
            self._ledger.note(trail, "artifact", uri, before={"files": len(gone)})
            return len(gone)

        return self._ledger.write(trail, change)

    def mark(self, uri: str, sha256: str, *, broken_ms: int | None) -> Future[None]:
        """Note that a file is broken, or whole again."""

        def change() -> None:
            known = self._records.get(uri)
            if known is not None and known.sha256 == sha256:
                self._records[uri] = msgspec.structs.replace(known, broken_ms=broken_ms)

        return self._ledger.write(NO_TRAIL, change)

    def below(self, uri: str) -> Iterator[ArtifactRecord]:
        """The records of a file, or of all files below a folder."""
        folder = uri.rstrip("/") + "/"
        with self._ledger.lock:
            found = [one for at, one in self._records.items() if at == uri or at.startswith(folder)]
        return iter(sorted(found, key=lambda one: one.uri))

    def total(self) -> Size:
        """All files."""
        with self._ledger.lock:
            return _sum(self._records.values())

    def sizes(self, folders: Sequence[str]) -> list[Size]:
        """The files below each of some folders."""
        with self._ledger.lock:
            known = sorted(self._records.values(), key=lambda one: one.uri)
        places = [one.uri for one in known]
        found = []
        for folder in folders:
            above = folder.rstrip("/") + "/"
            # A slash is followed by the zero.
            begin, end = bisect_left(places, above), bisect_left(places, above[:-1] + "0")
            found.append(_sum(known[begin:end]))
        return found

    def sizes_by_name(self, folder: str, length: int) -> Mapping[str, Size]:
        """The files below *folder* by what their names begin with."""
        above = folder.rstrip("/") + "/"
        found: dict[str, list[ArtifactRecord]] = defaultdict(list)
        with self._ledger.lock:
            for uri, one in self._records.items():
                if uri.startswith(above):
                    found[uri[len(above) : len(above) + length]].append(one)
        return {name: _sum(some) for name, some in found.items()}

    def alike(self, sha256: str, size: int) -> Sequence[ArtifactRecord]:
        """Some settled records of files with these bytes."""
        with self._ledger.lock:
            return [
                one
                for one in self._records.values()
                if (one.sha256, one.size, one.token, one.broken_ms) == (sha256, size, None, None)
            ]


def _sum(records: Iterable[ArtifactRecord]) -> Size:
    sizes = [one.size for one in records]
    return Size(files=len(sizes), bytes=sum(sizes))
