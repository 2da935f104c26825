"""The ledger: size and digest of each file whose bytes came through us, by its URI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.core.entities.audit import Trail
    from millrace.core.entities.overview import Size


class ArtifactRecords(Protocol):
    """The ledger: size and digest of each file whose bytes came through us, by its URI."""

    def record(self, uri: str) -> ArtifactRecord | None: ...

    def records(self, uris: Sequence[str]) -> Sequence[ArtifactRecord]:
        """Those of some files, in no order."""
        ...

    def begin(self, uri: str, token: str) -> Future[ArtifactRecord | None]:
        """Say, before new bytes become visible, that they will; the record as it was, if any. A
        file without a record gets none by this. *token*: the time in hexadecimal milliseconds, a
        dash, and what nobody else says."""
        ...

    def settle(
        self, record: ArtifactRecord, *, token: str | None, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Record what is visible now. *token*: what `begin` was told, None if it found nothing.
        Where somebody else replaced the bytes meanwhile, the record stays unsettled. Only what
        replaces a file is noted in the audit trail: a new one is logged like a metric is."""
        ...

    def forget(self, uri: str, *, trail: Trail = NO_TRAIL) -> Future[int]:
        """Drop the record of a file, and of all files below; how many."""
        ...

    def mark(self, uri: str, sha256: str, *, broken_ms: int | None) -> Future[None]:
        """Note that a reading found the file broken, or whole again, if *sha256* is still the
        recorded digest."""
        ...

    def below(self, uri: str) -> Iterator[ArtifactRecord]:
        """The records of a file, or of all files below a folder, by URI."""
        ...

    def total(self) -> Size:
        """All files and their bytes."""
        ...

    def sizes(self, folders: Sequence[str]) -> list[Size]:
        """The files below each of some folders, and their bytes."""
        ...

    def sizes_by_name(self, folder: str, length: int) -> Mapping[str, Size]:
        """The files below *folder* by the first *length* characters that follow its slash."""
        ...

    def alike(self, sha256: str, size: int) -> Sequence[ArtifactRecord]:
        """Some settled records of files with these very bytes."""
        ...
