"""Artifacts: files that runs and models keep, as they are listed, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from millrace.core.entities.entity import Entity

if TYPE_CHECKING:
    import os

Identity: TypeAlias = tuple[int, ...]
"""Which state of which file on a disk of this machine."""


class FileInfo(Entity, frozen=True, kw_only=True, gc=False):
    """A file or folder as the wire lists it; folders have no `file_size`, in bytes."""

    path: str
    is_dir: bool
    file_size: int | None = None


class ArtifactStat(Entity, frozen=True, kw_only=True):
    """One file as its store knows it.

    `etag` changes whenever the bytes do, as far as the store can tell. `sha256`: hexadecimal, where
    the store keeps it beside the bytes. `modified_ms`: milliseconds since the epoch. `identity`: of
    what was just written to a disk of this machine.
    """

    size: int
    modified_ms: int | None = None
    etag: str | None = None
    sha256: str | None = None
    identity: Identity | None = None


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


def identity(known: os.stat_result) -> Identity:
    """What tells one state of a file from another, and from any other file."""
    # No program can set the time of the last change back; that of the last writing it can.
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns
