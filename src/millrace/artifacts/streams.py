"""Bodies on their way: counted and hashed as they pass, never held whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Final, TypeVar

from millrace.core.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

T = TypeVar("T")

CHUNK: Final = 1024 * 1024
_AHEAD: Final = 4
# Up to here a second thread is not worth its start.
_HASHED_HERE: Final = 4 * CHUNK
# More of them than there are cores for would only stand in each other's way.
_BESIDE: Final = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) - 1))
_LOOK_S: Final = 0.01


class Measured:
    """A body that is counted while it is read, once.

    Iterating raises `InvalidArgument` as soon as the body is longer than *size*, and at its end
    when it is shorter.
    """

    def __init__(self, body: Path | Iterable[bytes], *, size: int | None = None) -> None:
        self._chunks = chunks_of(body) if isinstance(body, Path) else iter(body)
        self._size = size
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.count += len(chunk)
            if self._size is not None and self.count > self._size:
                raise InvalidArgument(f"The body is longer than the {self._size} bytes announced.")
            if chunk:
                yield chunk
        if self._size is not None and self.count < self._size:
            raise InvalidArgument(
                f"The body broke off after {self.count} of the {self._size} bytes announced."
            )


class Checked(Measured):
    """The same, hashed as well: at its end it must have the digest *sha256* (hexadecimal, any
    case), if one is given."""

    def __init__(
        self, body: Path | Iterable[bytes], *, size: int | None = None, sha256: str | None = None
    ) -> None:
        super().__init__(body, size=size)
        self._wanted = sha256.lower() if sha256 else None
        self._hash = Hash()

    @property
    def sha256(self) -> str:
        """The digest of what has passed so far, hexadecimal."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in super().__iter__():
                self._hash.update(chunk)
                yield chunk
        finally:
            self._hash.settle()
        if self._wanted is not None and self.sha256 != self._wanted:
            raise InvalidArgument(
                f"The body has the SHA-256 {self.sha256}, not {self._wanted} as announced: "
                "it was damaged on the way, or is another file. Send it again."
            )


class Hash:
    """SHA-256 of a body; of a large one in a thread of its own, while its bytes are written, as
    long as few do so.

    Whoever has called `update` calls `settle` or `hexdigest` in the end.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._count = 0
        self._thread: threading.Thread | None = None

    def update(self, chunk: bytes) -> None:
        """Hash *chunk*, which must not change any more."""
        self._count += len(chunk)
        if self._thread is None and self._count > _HASHED_HERE and _BESIDE.acquire(blocking=False):
            # A queue costs as much as hashing a small file.
            self._queue: Queue[bytes | None] = Queue(_AHEAD)
            self._thread = threading.Thread(target=self._work, name="millrace-hash", daemon=True)
            self._thread.start()
        if self._thread is None:
            self._hash.update(chunk)
        else:
            self._queue.put(chunk)

    def settle(self) -> None:
        """Wait until all of it is hashed."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
            _BESIDE.release()

    def hexdigest(self) -> str:
        """The digest, hexadecimal."""
        self.settle()
        return self._hash.hexdigest()

    def _work(self) -> None:
        while (chunk := self._queue.get()) is not None:
            self._hash.update(chunk)


class Watched:
    """A body that remembers what went wrong in it."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self.fault: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except BaseException as error:
            self.fault = error
            raise


def held_back(body: Iterable[bytes]) -> Iterator[bytes]:
    """*body*, always one chunk behind: the last one comes only after the body has ended well.

    So who gets it by length can tell that something went wrong: the end is missing.
    """
    before: bytes | None = None
    for chunk in body:
        if before is not None:
            yield before
        before = chunk
    if before is not None:
        yield before


@contextlib.contextmanager
def ahead(body: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """*body*, read by a thread of its own, a few chunks before they are wanted.

    For a driver that asks for a body where none of its own calls may be made: the body may come
    out of the same driver.
    """
    queue: Queue[bytes | BaseException | None] = Queue(_AHEAD)
    is_over = threading.Event()

    def read() -> None:
        last: BaseException | None = None
        try:
            for chunk in body:
                queue.put(chunk)
                if is_over.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - whoever iterates gets it
            last = error
        queue.put(last)

    def chunks() -> Iterator[bytes]:
        while (chunk := queue.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    reader = threading.Thread(target=read, name="millrace-ahead", daemon=True)
    reader.start()
    try:
        yield chunks()
    finally:
        is_over.set()
        while reader.is_alive():
            with contextlib.suppress(Empty):
                queue.get(timeout=_LOOK_S)


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file of the caller's; `InvalidArgument` when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InvalidArgument(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def started(body: Generator[bytes]) -> Generator[bytes]:
    """Run *body* up to its first `yield`, which says that it is ready, and return the rest.

    So what is wrong is raised by the call, not by the first read; and a body that nobody reads
    still closes what it has opened.
    """
    next(body)
    return body


def check_arrived(path: str, arrived: int | None, sent: int) -> None:
    """Raise `Unavailable` when a server has not as many bytes of *path* as it was sent."""
    if arrived != sent:
        raise Unavailable(f"Of {path!r} {arrived} bytes arrived of {sent}; send it again.")


def check_parts(path: str, count: int, size: int) -> None:
    """Raise `InvalidArgument` when pieces of *count* bytes in all are to be a file of *size*."""
    if count != size:
        raise InvalidArgument(
            f"The parts of {path!r} are {count} bytes, not {size} as announced: send them again. "
            "Nothing was replaced."
        )


def span(size: int, start: int, end: int | None) -> range:
    """Which bytes of *size* are meant by `get(start=, end=)`; beyond the end there are none."""
    if start < 0 or (end is not None and end < start):
        raise InvalidArgument(f"No bytes from {start} to {end}: a range goes forward from 0 on.")
    return range(min(start, size), size if end is None else min(end, size))
