"""Manifests: the files of a version as they were when it was registered, and whether they are so.

A version's manifest is made in the background right after it was registered: from the ledger, where
the server took the bytes in itself, else by reading them. What the server may not touch, or cannot,
has none, and says so. A server that died in between finishes when it is started again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from millrace.api.registry import ManifestReply, VerifyReply
from millrace.core.clock import now_ms
from millrace.core.entities.registry import FileProblem, Manifest, ManifestFile
from millrace.core.errors import (
    InvalidArgument,
    InvalidState,
    MillraceError,
    NotFound,
    PermissionDenied,
)
from millrace.core.rules import manifests as rules
from millrace.core.rules import sources
from millrace.core.rules.registry import version_number
from millrace.services.origins import no_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.api.registry import VersionOfModel
    from millrace.services.context import Context
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords, RegistryStore

logger = logging.getLogger(__name__)

MOST_FILES: Final = 100_000
_AT_ONCE: Final = 100


class Manifests:
    """Makes and compares manifests; *spot_of* finds the files of a version's location."""

    def __init__(
        self,
        store: RegistryStore,
        ledger: ArtifactRecords,
        spot_of: Callable[[str], Spot],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._spot_of = spot_of
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    # --- asked for -------------------------------------------------------------------------------

    def get(self, _ctx: Context, request: VersionOfModel) -> ManifestReply:
        """The manifest of a version; one that nobody has made yet is made now."""
        return ManifestReply(manifest=self._manifest(request))

    def verify(self, _ctx: Context, request: VersionOfModel) -> VerifyReply:
        """Read all files of a version and compare them with its manifest."""
        manifest = self._manifest(request)
        if manifest.state != "RECORDED":
            raise InvalidArgument(
                f"Version {request.version} of {request.name!r} has no manifest to compare with: "
                f"{manifest.message}"
            )
        problems = self._compared(request.name, version_number(request.version), manifest)
        return VerifyReply(ok=not problems, manifest=manifest, problems=tuple(problems))

    def _manifest(self, request: VersionOfModel) -> Manifest:
        number = version_number(request.version)
        held = self._store.manifest(request.name, number)
        if held is None:
            if self._store.version(request.name, number) is None:
                raise no_version(request.name, request.version)
            raise NotFound(f"Version {number} of {request.name!r} has no files: it is a prompt.")
        return self.record(request.name, number) if held.state == "PENDING" else held

    def _compared(self, name: str, number: int, manifest: Manifest) -> list[FileProblem]:
        found: list[ManifestFile] = []
        broken: list[FileProblem] = []
        spot = self._spot(name, number)
        for path, _ in _walk(spot):
            try:
                found.append(_read(spot, path))
            except MillraceError as error:
                broken.append(FileProblem(path=path, problem="UNREADABLE", message=error.message))
        unread = {one.path for one in broken}
        differing = rules.differences(manifest, found)
        return [*(one for one in differing if one.path not in unread), *broken]

    def read(self, name: str, number: int, path: str, *, most: int) -> bytes:
        """A small file of a version; `InvalidArgument` when it has more than *most* bytes."""
        spot = self._spot(name, number).at(path)
        data = b""
        for chunk in spot.store.get(spot.path):
            data += chunk
            if len(data) > most:
                raise InvalidArgument(f"{path} has more than {most:,} bytes.")
        return data

    # --- making them -----------------------------------------------------------------------------

    def at_once(self, location: str) -> Manifest | None:
        """What is known of the files at *location* without reading any: that they are out of reach,
        or, when they are few, what the ledger has of each. None: it has to be made later."""
        files: list[ManifestFile] = []
        try:
            sources.spelling(location)
            spot = self._spot_of(location)
            for path, size in _walk(spot):
                known = self._in_ledger(spot, path, size)
                if known is None or len(files) == _AT_ONCE:
                    return None
                files.append(known)
        except PermissionDenied as error:
            return Manifest(state="UNREADABLE", recorded_ms=now_ms(), message=error.message)
        except MillraceError:
            return None
        return rules.recorded(files, now_ms()) if files else None

    def soon(self, name: str, version: str) -> None:
        """Make the manifest of a new version in the background."""
        with self._lock:
            if self._is_closed:
                return
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="millrace-manifests")
            self._thread.submit(self._make, name, int(version))

    def catch_up(self) -> None:
        """Make those in the background that somebody left behind."""
        for name, number in self._store.pending_manifests(_AT_ONCE):
            self.soon(name, str(number))

    def close(self) -> None:
        """Stop after the one that is being made; others are made after the next start."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(cancel_futures=True)

    def _make(self, name: str, number: int) -> None:
        try:
            held = self._store.manifest(name, number)
            if held is not None and held.state == "PENDING":
                self.record(name, number)
        except MillraceError as error:  # deleted meanwhile, or the store is away: later, if at all
            logger.info("no manifest of version %s of %r yet: %s", number, name, error.message)

    def record(self, name: str, number: int) -> Manifest:
        """Make the manifest of a version; the one that holds from now on."""
        try:
            spot = self._spot(name, number)
            files = [self._known(spot, path, size) for path, size in _walk(spot)]
            if not files:
                raise NotFound("There are no files at its source.")
            made = rules.recorded(files, now_ms())
        except MillraceError as error:
            made = Manifest(state="UNREADABLE", recorded_ms=now_ms(), message=error.message)
        return self._store.settle_manifest(name, number, made).result()

    def _spot(self, name: str, number: int) -> Spot:
        location = self._store.location(name, number)
        if location is None:
            raise no_version(name, str(number))
        sources.spelling(location)
        return self._spot_of(location)

    def _known(self, spot: Spot, path: str, size: int) -> ManifestFile:
        """A file as the ledger has it, else as a reading finds it."""
        return self._in_ledger(spot, path, size) or _read(spot, path)

    def _in_ledger(self, spot: Spot, path: str, size: int) -> ManifestFile | None:
        record = self._ledger.record(spot.at(path).uri)
        if record is None or record.token or record.broken_ms is not None or record.size != size:
            return None
        return ManifestFile(path=path, size=size, sha256=record.sha256)


def _walk(spot: Spot) -> Iterator[tuple[str, int]]:
    """All files below *spot*: path relative to it, and size. A file is itself, by its name."""
    cut = len(spot.path) + 1 if spot.path else 0
    folders = [spot.path]
    count = 0
    while folders:
        for info in spot.store.list(folders.pop()):
            if info.is_dir:
                folders.append(info.path)
                continue
            count += 1
            if count > MOST_FILES:
                raise InvalidState(f"The model has more than {MOST_FILES:,} files.")
            yield info.path[cut:], info.file_size or 0


def _read(spot: Spot, path: str) -> ManifestFile:
    digest, size = hashlib.sha256(), 0
    full = f"{spot.path}/{path}" if spot.path else path
    for chunk in spot.store.get(full):
        digest.update(chunk)
        size += len(chunk)
    return ManifestFile(path=path, size=size, sha256=digest.hexdigest())
