"""Copies of a folder of records, taken while others write to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from millrace.core.errors import AlreadyExists
from millrace.files import atomic
from millrace.stores.file import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

# Ours alone, and of one process or one moment.
_LEFT_OUT: Final = (layout.LOCK, layout.SPARE, layout.MEMORY)
_LOCK_S: Final = 30.0
# Two changes so near to each other may have one time of change.
_TICK_NS: Final = 1_000_000_000

Signature = tuple[int, int, int]


def copy_folder(source: Path, target: Path) -> int:
    """Copy the folder *source* to *target*, which must be missing or empty; how many files.

    Artifacts in the folder are copied with the records. The copy is the state at one moment for
    all who take the folder's lock, as we do and MLflow does not; writers are held up only while
    what has changed since it was copied is copied once more. Links are left out.
    """
    if target.exists() and any(target.iterdir()):
        raise AlreadyExists(f"{target} exists already and is not empty; choose another name.")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        known = _copy(source, partial, {})
        with atomic.locked(str(source / layout.LOCK), timeout_s=_LOCK_S):
            found = _copy(source, partial, known)
        for gone in known.keys() - found.keys():
            (partial / gone).unlink()
        _drop_folders(source, partial)
        os.sync()
        if target.exists():
            target.rmdir()
        partial.rename(target)
        atomic.sync_folders([str(target.parent.absolute())])
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(found)


def _copy(source: Path, target: Path, known: dict[str, Signature]) -> dict[str, Signature]:
    """Copy all files but those that are as *known*; what each looked like before it was copied."""
    found: dict[str, Signature] = {}
    for path, is_folder in _below(str(source), ""):
        if is_folder:
            (target / path).mkdir(exist_ok=True)
            continue
        with contextlib.suppress(FileNotFoundError):  # renamed or removed since it was listed
            here = source / path
            looked_ns = time.time_ns()
            about = here.lstat()
            signature = (about.st_ino, about.st_size, about.st_mtime_ns)
            if known.get(path) != signature or looked_ns - about.st_mtime_ns < _TICK_NS:
                shutil.copy2(here, target / path, follow_symlinks=False)
            found[path] = signature
    return found


def _below(root: str, folder: str) -> Iterator[tuple[str, bool]]:
    """Files and folders in *folder* of *root*, relative to it; folders before what is in them."""
    try:
        entries = list(os.scandir(os.path.join(root, folder)))
    except FileNotFoundError:
        return
    for entry in entries:
        path = os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield path, True
            yield from _below(root, path)
        elif entry.is_file(follow_symlinks=False) and not (
            folder == "" and entry.name.startswith(_LEFT_OUT)
        ):
            yield path, False


def _drop_folders(source: Path, target: Path) -> None:
    """Remove empty folders that have gone from *source* meanwhile."""
    for folder, _, _ in os.walk(target, topdown=False):
        if not (source / Path(folder).relative_to(target)).is_dir():
            os.rmdir(folder)
