"""Changes to a folder of files: as values, so that they can be kept in a log and made once more."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.files import atomic
from millrace.stores.file import layout

if TYPE_CHECKING:
    from collections.abc import Sequence


class Put(msgspec.Struct, frozen=True, tag="put"):
    """Let the file at *path* hold *data*, all at once."""

    path: str
    data: bytes


class Add(msgspec.Struct, frozen=True, tag="add"):
    """Append whole lines to the file at *path*, whose whole lines end at *size*.

    With `cut` there is something behind them that is no line; it goes.
    """

    path: str
    data: bytes
    size: int = 0
    cut: bool = False


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Remove the file at *path*."""

    path: str


class Folder(msgspec.Struct, frozen=True, tag="folder"):
    """Make the directory *path*."""

    path: str


class Remove(msgspec.Struct, frozen=True, tag="remove"):
    """Remove the directory *path* with all that is in it, its `meta.yaml` first."""

    path: str


class Move(msgspec.Struct, frozen=True, tag="move"):
    """Move the directory *path* to *target*."""

    path: str
    target: str


Change: TypeAlias = Put | Add | Drop | Folder | Remove | Move
"""All paths are relative to the root of the place."""


class Files:
    """The folder at *root*, and the only way to change what is in it.

    With `durable` a change is on the disk when `make` returns. One writer at a time: the caller
    holds the lock of the place.
    """

    def __init__(self, root: str, *, durable: bool) -> None:
        self.root = root
        self.durable = durable
        self._numbers = itertools.count()
        self._real_root = os.path.realpath(root)

    def path(self, relative: str) -> str:
        """The path of a file in the folder."""
        return f"{self.root}/{relative}"

    def stage(self, changes: Sequence[Change]) -> list[str | None]:
        """Write new contents to spare files: what takes room is done before anything changes.

        Raises `OSError` and leaves nothing behind. Raises `InvalidArgument` when a link leads out
        of the folder.
        """
        self._check_links(changes)
        spares: list[str | None] = []
        try:
            for change in changes:
                spares.append(self._staged(change))  # noqa: PERF401 - what is made so far may have to go
        except OSError:
            self.discard(spares)
            raise
        return spares

    def _staged(self, change: Change) -> str | None:
        if not isinstance(change, Put):
            return None
        spare = self.path(f"{layout.SPARE}.{os.getpid()}.{next(self._numbers)}")
        atomic.stage(spare, change.data, durable=self.durable)
        return spare

    def discard(self, spares: Sequence[str | None]) -> None:
        """Remove spare files that are not needed after all."""
        for spare in spares:
            if spare is not None:
                with contextlib.suppress(OSError):
                    os.unlink(spare)

    def make(self, changes: Sequence[Change], spares: Sequence[str | None]) -> None:
        """Make the changes, in their order. Raises `OSError`; those before it are made then."""
        touched: list[str] = []
        for change, spare in zip(changes, spares, strict=True):
            self._make(change, spare, touched)
        if self.durable:
            atomic.sync_folders(touched)

    def _make(self, change: Change, spare: str | None, touched: list[str]) -> None:
        path = self.path(change.path)
        match change:
            case Put():
                touched += atomic.make_folders(os.path.dirname(path))
                assert spare is not None  # noqa: S101 - `stage` made one for each
                os.replace(spare, path)
            case Add(data=data):
                touched += atomic.make_folders(os.path.dirname(path))
                if change.cut:
                    os.truncate(path, change.size)
                atomic.append(path, data, durable=self.durable)
            case Drop():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            case Folder():
                touched += atomic.make_folders(path)
            case Remove():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{path}/{layout.META}")
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path)
            case Move(target=target):
                self._move(path, self.path(target), touched)
        touched.append(os.path.dirname(path))

    def _move(self, path: str, target: str, touched: list[str]) -> None:
        touched += atomic.make_folders(os.path.dirname(target))
        if os.path.isdir(path):
            os.rename(path, target)
        touched.append(os.path.dirname(target))

    def make_again(self, changes: Sequence[Change]) -> None:
        """Make changes that may have been made in part: what is made already stays as it is."""
        left = [change for change in changes if not self._is_made(change)]
        spares = self.stage(left)
        try:
            self.make(left, spares)
        except OSError:
            self.discard(spares)
            raise

    def _is_made(self, change: Change) -> bool:
        if not isinstance(change, Add):
            return False
        try:
            with open(self.path(change.path), "rb") as file:
                file.seek(change.size)
                return change.data in file.read()
        except FileNotFoundError:
            return False

    def sweep(self) -> None:
        """Remove spare files that a process left when it died. The caller holds the lock."""
        with os.scandir(self.root) as entries:
            left = [entry.path for entry in entries if entry.name.startswith(layout.SPARE)]
        self.discard(left)

    def _check_links(self, changes: Sequence[Change]) -> None:
        """No link in the folder leads a change out of it."""
        folders = {os.path.dirname(change.path) for change in changes}
        folders |= {
            os.path.dirname(change.target) for change in changes if isinstance(change, Move)
        }
        for folder in folders:
            real = os.path.realpath(self.path(folder))
            if real != self._real_root and not real.startswith(self._real_root + os.sep):
                raise InvalidArgument(
                    f"{folder} in {self.root} is a link to {real}, outside of the folder. It can "
                    "be read, not written to; put the files themselves there."
                )
