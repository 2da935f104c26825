"""The spool: what was logged while no server could be reached, on disk until it is sent.

A spool is a folder. Each process writes a journal of its own, append only; `ids` maps the ids that
runs and experiments had here to those that the server gave them; a `.cursor` beside a journal says
how far it has been sent. The format is described in docs/internals/spool.md.

What is appended survives the death of the process at once, and a power cut after `sync`, which the
writer calls at least once a second while it writes. A record that was torn by either is left out.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
import zlib
from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.client.records import Called, Logged, Record
from millrace.core import clock
from millrace.core.errors import LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SUFFIX: Final = ".journal"
FORMAT: Final = 1
_FRAME = Struct("<II")  # length of the payload, CRC-32 of the payload
# A length beyond this is damage, not data: batches are far smaller.
_LONGEST: Final = 256 * 1024 * 1024


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="header"):
    """The first record: who wrote this journal, when, and where its records belong.

    `uri` has no credentials. `is_offline`: the writer never sends; otherwise it does so itself as
    long as it lives.
    """

    format: int
    uri: str
    is_offline: bool
    created_ms: int
    host: str
    pid: int


class Cursor(msgspec.Struct, kw_only=True):
    """How far a journal has been sent, in bytes, and what came of it.

    `open_runs` are the runs begun in this journal that it has not ended yet, by their id here.
    """

    offset: int = 0
    sent: int = 0
    refused: int = 0
    open_runs: list[str] = []


class Spool:
    """The folder: its journals and the ids that the server gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ids: dict[str, str] = {}
        self._read = 0

    def journals(self) -> list[Path]:
        """Journals that are there, in the order in which they were begun."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def server_id(self, local_id: str) -> str | None:
        """The server's id of what is called *local_id* here, once it is known."""
        if local_id not in self._ids:
            self._load()
        return self._ids.get(local_id)

    def learn(self, local_id: str, server_id: str) -> None:
        """Keep the server's id for good."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = f"{local_id} {server_id}\n".encode()
        descriptor = os.open(self.folder / "ids", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)  # one short append: whole, also beside other processes
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._ids[local_id] = server_id

    def _load(self) -> None:
        path = self.folder / "ids"
        if not path.exists():
            return
        offset = self._read
        with path.open("rb") as handle:
            handle.seek(offset)
            for line in handle:
                if not line.endswith(b"\n"):
                    break  # still being written
                offset += len(line)
                local_id, _, server_id = line.decode().rstrip("\n").partition(" ")
                self._ids[local_id] = server_id
        self._read = offset  # only now: another thread may be reading the same lines


class Journal:
    """The journal that this process writes. Not thread-safe: its owner has a lock."""

    def __init__(self, spool: Spool, header: Header, *, limit_bytes: int) -> None:
        spool.folder.mkdir(parents=True, exist_ok=True)
        name = f"{header.created_ms:013}-{header.pid}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self.path = spool.folder / name
        self._limit = limit_bytes
        self.size = 0
        self._synced = 0
        # Under another name until it is locked, so that nobody takes its writer for dead.
        draft = self.path.with_suffix(".tmp")
        # Params and tags may be confidential: for the owner only.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = os.open(draft, flags, 0o600)
        hold(self._descriptor)
        self.append([header])
        draft.rename(self.path)

    def append(self, records: Iterable[Record | Header]) -> None:
        """Write *records* behind the others: all, or none and `LimitExceeded` or `OSError`."""
        frames = b"".join(frame(record) for record in records)
        if self.size + len(frames) > self._limit:
            raise LimitExceeded(
                f"The spool file {self.path} has reached its limit of {self._limit} bytes "
                "(MILLRACE_SPOOL_LIMIT_BYTES)."
            )
        try:
            written = 0
            while written < len(frames):
                written += os.write(self._descriptor, frames[written:])
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(frames)

    def sync(self) -> None:
        """Make what was appended survive a power cut."""
        if self._synced < self.size:
            size = self.size
            os.fsync(self._descriptor)
            self._synced = size

    def close(self) -> None:
        """Give up the journal; it stays on disk."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Delete it: everything has been sent."""
        os.close(self._descriptor)
        discard(self.path)


def header(uri: str, *, is_offline: bool) -> Header:
    """The header of a journal that this process begins now."""
    return Header(
        format=FORMAT,
        uri=uri,
        is_offline=is_offline,
        created_ms=clock.now_ms(),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def frame(record: Record | Header) -> bytes:
    """*record* as it stands in a journal."""
    payload = msgspec.msgpack.encode(record)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def read(path: Path, offset: int = 0) -> Iterator[tuple[Record | Header | None, int]]:
    """Records of a journal from *offset* on, each with the offset behind it.

    Ends before a torn tail. A damaged record with others behind it is None.
    """
    decode = msgspec.msgpack.Decoder(Header | Logged | Called).decode
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        handle.seek(offset)
        while offset + _FRAME.size <= size:
            length, checksum = _FRAME.unpack(handle.read(_FRAME.size))
            end = offset + _FRAME.size + length
            if length > _LONGEST or end > size:
                return
            payload = handle.read(length)
            record = None
            if zlib.crc32(payload) == checksum:
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                    record = decode(payload)
            elif end == size:
                return
            yield record, end
            offset = end


def read_cursor(path: Path) -> Cursor:
    """How far the journal at *path* has been sent."""
    try:
        return msgspec.json.decode(path.with_suffix(".cursor").read_bytes(), type=Cursor)
    except (FileNotFoundError, msgspec.DecodeError):
        return Cursor()  # sending again is safe, losing is not


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Keep how far the journal at *path* has been sent; the file is replaced as a whole."""
    target = path.with_suffix(".cursor")
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.encode(cursor))
    draft.replace(target)


def discard(path: Path) -> None:
    """Delete the journal at *path* and its cursor, and the spool when nothing else is in it."""
    path.unlink(missing_ok=True)
    path.with_suffix(".cursor").unlink(missing_ok=True)


def refuse(path: Path, records: Iterable[Record]) -> None:
    """Keep records that the server refused beside the journal they came from."""
    with path.with_suffix(".refused").open("ab") as handle:
        handle.write(b"".join(frame(record) for record in records))


def hold(descriptor: int) -> bool:
    """Lock an open file for this process until it is closed; False when another one has it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - there is no other on that system

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl  # noqa: PLC0415 - not there on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_written(path: Path) -> bool:
    """Whether the process that writes the journal at *path* is alive."""
    with path.open("rb") as handle:
        return not hold(handle.fileno())
