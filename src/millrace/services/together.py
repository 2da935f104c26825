"""Small files in groups: one thread takes in all that came while the last group was written.

A thread for each of them would hand the interpreter and the disk around, dozens of times for one
file; a group waits for the disk once. What is answered is durable, as ever.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from millrace.artifacts.protocols import Together, is_together
from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.errors import MillraceError, Unavailable
from millrace.services.offers import Sent

if TYPE_CHECKING:
    from millrace.services.transfers import Transfers

WAITING: Final = 256
GROUP_LIMIT: Final = 64
# Those who were in the last group are about to send more: this long they are waited for.
_GATHER_S: Final = 0.0005

Admission = Callable[[], Sent | ArtifactRecord]
"""Decides whether a file is taken in; a record: there is nothing to be done."""


class Groups:
    """The thread that takes small files in; it runs from the first one on."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self._waiting: SimpleQueue[_Upload | None] = SimpleQueue()
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def take(self, admit: Admission) -> Future[ArtifactRecord | None]:
        """Take in what *admit* lets in; None: its store is better given one file at a time."""
        upload = _Upload(admit)
        with self._door:
            if self._is_closed:
                raise Unavailable("The server is stopping; send it again in a moment.")
            if self._waiting.qsize() >= WAITING:
                raise Unavailable(f"{WAITING} files are waiting for the disk; try again soon.")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="millrace-small-files", daemon=True
                )
                self._thread.start()
            self._waiting.put(upload)
        return upload.future

    def close(self) -> None:
        """Finish what waits."""
        with self._door:
            self._is_closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        crowd = 1
        while (first := self._waiting.get()) is not None:
            if self._waiting.qsize() + 1 < crowd:
                time.sleep(_GATHER_S)
            group, is_last = [first], False
            with contextlib.suppress(Empty):
                while len(group) < GROUP_LIMIT:
                    upload = self._waiting.get_nowait()
                    if upload is None:
                        is_last = True
                        break
                    group.append(upload)
            crowd = len(group)
            self._take_in(group)
            if is_last:
                return

    def _take_in(self, group: list[_Upload]) -> None:
        while group:
            batch: dict[str, _Upload] = {}
            store: Together | None = None
            later: list[_Upload] = []
            for upload in group:
                sent = upload.admitted()
                if sent is None:
                    continue
                to = sent.spot.store
                if not is_together(to):
                    upload.future.set_result(None)
                elif sent.spot.uri in batch or (store is not None and to is not store):
                    later.append(upload)
                else:
                    store = to
                    batch[sent.spot.uri] = upload
            if store is not None:
                self._receive(store, list(batch.values()))
            group = later

    def _receive(self, store: Together, uploads: list[_Upload]) -> None:
        sent = [upload.sent for upload in uploads if upload.sent is not None]
        try:
            outcomes = self._transfers.receive_together(store, sent)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it handles it
            for upload in uploads:
                upload.future.set_exception(error)
            return
        for upload, outcome in zip(uploads, outcomes, strict=True):
            if isinstance(outcome, MillraceError):
                upload.future.set_exception(outcome)
            else:
                upload.future.set_result(outcome)


class _Upload:
    def __init__(self, admit: Admission) -> None:
        self._admit = admit
        self.sent: Sent | None = None
        self.future: Future[ArtifactRecord | None] = Future()

    def admitted(self) -> Sent | None:
        """What to take in; None: it is answered. Asked each time: much may have changed."""
        try:
            answer = self._admit()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it handles it
            self.future.set_exception(error)
            return None
        if isinstance(answer, ArtifactRecord):
            self.future.set_result(answer)
            return None
        self.sent = answer
        return answer
