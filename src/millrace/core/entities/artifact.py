"""Artifacts: files that runs and models keep, as they are listed, and what is known of each."""

from __future__ import annotations

from millrace.core.entities.entity import Entity


class FileInfo(Entity, frozen=True, kw_only=True):
    """A file or folder as the wire lists it; folders have no `file_size`, in bytes."""

    path: str
    is_dir: bool
    file_size: int | None = None


class ArtifactStat(Entity, frozen=True, kw_only=True):
    """One file as its store knows it.

    `etag` changes whenever the bytes do, as far as the store can tell. `sha256`: hexadecimal, where
    the store keeps it beside the bytes. `modified_ms`: milliseconds since the epoch.
    """

    size: int
    modified_ms: int | None = None
    etag: str | None = None
    sha256: str | None = None


class ArtifactRecord(Entity, frozen=True, kw_only=True):
    """What the ledger holds of a file whose bytes came through us.

    `token`: somebody is about to replace the bytes, or died while doing so, or two did so at once;
    until a full reading settles it, other bytes than the recorded are no damage. `broken_ms`: when
    a reading found other bytes than were taken in.
    """

    uri: str
    size: int
    sha256: str
    recorded_ms: int
    token: str | None = None
    broken_ms: int | None = None
