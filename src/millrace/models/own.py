"""Models that this user wrote, known again by their content.

The digest of every folder that is saved goes into a file of the user's own. A folder with that
digest is what this user saved, wherever it has been meanwhile, to the last byte.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from pathlib import Path
from typing import Final

from millrace.core import settings
from millrace.core.entities.registry import ManifestFile
from millrace.core.errors import InvalidArgument
from millrace.core.rules import manifests

logger = logging.getLogger(__name__)

_LEDGER: Final = "own-models"
_MOST_FILES: Final = 100_000
_here: set[str] = set()
"""Those of this very process: it may have no home."""


def files_of(folder: Path) -> list[ManifestFile]:
    """All files below *folder* with size and SHA-256; a link is none, and refused."""
    found = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in [*names, *folders]:
            path = Path(where, name)
            if path.is_symlink():
                raise InvalidArgument(f"{path} is a link. A model consists of files.")
        for name in sorted(names):
            path = Path(where, name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = os.fstat(file.fileno()).st_size
            below = path.relative_to(folder).as_posix()
            found.append(ManifestFile(path=below, size=size, sha256=digest))
            if len(found) > _MOST_FILES:
                raise InvalidArgument(f"{folder} has more than {_MOST_FILES:,} files.")
    return found


def digest_of(folder: Path) -> str:
    """The digest of all files below *folder*: that of the registry's manifests."""
    return manifests.digest_of(files_of(folder))


def remember(digest: str) -> None:
    """Note that this user saved a folder with that digest."""
    _here.add(digest)
    path = _ledger()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(handle, f"{digest}\n".encode())
        finally:
            os.close(handle)
    except OSError as error:
        logger.info(
            "%s cannot be written, so other processes ask before they load: %s", path, error
        )


def is_own(digest: str) -> bool:
    """Whether this user saved a folder with that digest."""
    if digest in _here:
        return True
    path = _ledger()
    try:
        if exposed(path) is not None:
            logger.warning("%s could have been written by others and is not believed", path)
            return False
        with path.open("rb") as file:
            return any(line.strip() == digest.encode() for line in file)
    except OSError:
        return False


def exposed(path: Path) -> Path | None:
    """The first of *path*, what is below it, and the folders above it that somebody else could have
    written to; None when only this user and the system's could."""
    resolved = path.resolve()
    below = sorted(resolved.rglob("*")) if resolved.is_dir() else []
    for one in (resolved, *below):
        if _is_open(one.stat()):
            return one
    for one in resolved.parents:
        known = one.stat()
        # In a sticky folder such as /tmp nobody can replace what is somebody else's.
        if _is_open(known) and not known.st_mode & stat.S_ISVTX:
            return one
    return None


def _is_open(known: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return False
    me = os.getuid()
    if known.st_uid not in {0, me}:
        return True
    # A group with the user's own number is the user's own group.
    by_group = known.st_mode & stat.S_IWGRP and known.st_gid not in {0, me}
    return bool(by_group or known.st_mode & stat.S_IWOTH)


def _ledger() -> Path:
    return Path(settings.DATA_DIR.get()).expanduser() / _LEDGER
