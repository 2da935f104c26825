"""Copies of a SQLite database, taken while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from millrace.core.errors import AlreadyExists, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PAGES: Final = 4_000  # at a time, 16 MB


def copy_sqlite(
    source: Path, target: Path, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Copy the database file *source* to *target*, which must not exist; whole or not at all.

    The copy is the state at one moment: what was committed when the call began is in it. Writers
    are not held up. *progress* is called with (pages copied, all pages).
    """
    if target.exists():
        raise AlreadyExists(f"{target} exists already; choose another name.")
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        _copy(source, partial, progress)
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise Unavailable(f"{source} could not be copied to {target}: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, partial: Path, progress: Callable[[int, int], None] | None) -> None:
    def tell(_status: int, left: int, pages: int) -> None:
        if progress is not None:
            progress(pages - left, pages)

    with (
        closing(sqlite3.connect(source, timeout=10, isolation_level=None)) as held,
        closing(sqlite3.connect(partial)) as made,
    ):
        # A snapshot for the whole of the copying: else it would begin anew with every write.
        held.execute("BEGIN").close()
        held.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        held.backup(made, pages=_PAGES, progress=tell)
        # All in one file, without a log beside it.
        made.execute("PRAGMA journal_mode=DELETE").close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
