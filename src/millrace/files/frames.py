"""A file of frames that is only ever appended to: what is in it is whole, however it was left.

A frame is its length and its checksum, 32 bits each and little-endian, and then its bytes. Reading
ends before the first frame that is not whole; a writer, which must hold a lock, cuts that one off.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, Final

from millrace.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD = struct.Struct("<II")
_MAGIC: Final = b"millrace-log-1\n"


class FrameLog:
    """One process's view of such a file: how far it has read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._inode = -1
        self._read_to = 0

    @property
    def size(self) -> int:
        """How many bytes of it were read, or written, by this process."""
        return self._read_to

    def has_more(self) -> bool:
        """Whether somebody has written since it was last read."""
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return self._inode != -1
        return stat.st_ino != self._inode or stat.st_size > self._read_to

    def read(self) -> tuple[bool, list[bytes]]:
        """The frames that are new; True with all of them when the file is another one by now."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            is_other = self._inode != -1
            self._inode, self._read_to = -1, 0
            return is_other, []
        with open(handle, "rb", closefd=True) as file:
            inode = os.fstat(handle).st_ino
            is_other = inode != self._inode
            if is_other:
                self._inode, self._read_to = inode, 0
            if self._read_to == 0:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return is_other, []
                self._read_to = len(_MAGIC)
            file.seek(self._read_to)
            found = list(_frames(file.read()))
        self._read_to += sum(_HEAD.size + len(frame) for frame in found)
        return is_other, found

    def append(self, payload: bytes, *, durable: bool) -> None:
        """Append a frame. The caller holds the lock and has read everything.

        Raises `OSError`; the file is then as it was.
        """
        frame = _framed(payload)
        try:
            if os.stat(self.path).st_size > self._read_to:
                # Whoever wrote it died over it: nobody was told that it is there.
                os.truncate(self.path, self._read_to)
        except FileNotFoundError:
            self.rewrite([], durable=durable)
        if self._read_to == 0:
            frame = _MAGIC + frame
        atomic.append(self.path, frame, durable=durable)
        self._read_to += len(frame)

    def rewrite(self, payloads: Iterable[bytes], *, durable: bool) -> None:
        """Replace the whole file. The caller holds the lock and has read everything."""
        data = _MAGIC + b"".join(map(_framed, payloads))
        spare = f"{self.path}.new"
        if os.path.lexists(spare):
            os.unlink(spare)
        atomic.stage(spare, data, durable=durable)
        os.replace(spare, self.path)
        if durable:
            atomic.sync_folders([os.path.dirname(self.path)])
        self._inode, self._read_to = os.stat(self.path).st_ino, len(data)


def _framed(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _frames(data: bytes) -> Iterator[bytes]:
    place = 0
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        payload = data[place + _HEAD.size : place + _HEAD.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload
        place += _HEAD.size + length
