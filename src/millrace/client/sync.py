"""Sending a spool: by the process that wrote it when its server is back, or by `millrace sync`.

A journal is sent in order, a window of records at a time; a window that was cut short is sent
again from its start, which changes nothing, because every record is idempotent or has a key.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from millrace.api.table import BY_NAME
from millrace.api.tracking import Heartbeat, UpdateRun
from millrace.client import spool as spools
from millrace.client.delivery import Delivery, Refusal, Unresolved, is_away
from millrace.client.records import Called, Logged, Record, called, entries, pack
from millrace.core import tags
from millrace.core.entities.run import STATUS_NUMBERS, TERMINAL
from millrace.core.errors import Conflict, InvalidArgument, MillraceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from millrace.client.spool import Header, Spool
    from millrace.client.transports import Transport
    from millrace.http.patience import Patience

logger = logging.getLogger(__name__)

_WINDOW: Final = 2000
_TRIES: Final = 5
"""How often a record that breaks the server is sent before it is set aside."""


class Sent(NamedTuple):
    """What became of one journal. `waits_for` says why it is not finished; None: it is."""

    journal: Path
    records: int
    refused: int
    remaining_bytes: int
    waits_for: str | None


class Replay:
    """Sends one journal from where it was left. Not thread-safe."""

    def __init__(self, journal: Path, transport: Transport, spool: Spool) -> None:
        self.journal = journal
        self.cursor = spools.read_cursor(journal)
        self._again = True
        self._transport = transport
        self._spool = spool
        self._broken = 0

    def step(self, patience: Patience | None = None) -> bool:
        """Send the next window; False when there is none yet. Raises what `is_away` says yes to."""
        found = self._window()
        if found is None:
            return False
        records, end = found
        delivery = Delivery(self._transport, self._spool, patience)
        refusals: list[Refusal] = []
        try:
            for item in pack(records):
                refusals += delivery.send(item, again=self._again)
        except MillraceError as error:
            # Only the next attempt can tell a server that is down from one that breaks over this.
            self._again = True
            self._broken += error.status == MillraceError.status
            if self._broken < _TRIES:
                raise
            refusals = self._one_by_one(records, delivery)
        self._again = False
        self._broken = 0
        if refusals:
            spools.refuse(self.journal, (refusal.record for refusal in refusals))
            tell(refusals)
        self.cursor.offset = end
        self.cursor.sent += len(records) - len(refusals)
        self.cursor.refused += len(refusals)
        for record in records:
            self._note(record)
        spools.write_cursor(self.journal, self.cursor)
        return True

    def remaining_bytes(self) -> int:
        """Bytes of the journal that are still to be sent."""
        return self.journal.stat().st_size - self.cursor.offset

    def close_lost_runs(self) -> None:
        """Say of the runs that the dead writer left open that they are lost.

        On Millrace their lease runs out in a second; other servers know no lease: there they are
        killed.
        """
        for local_id in self.cursor.open_runs:
            run_id = self._spool.server_id(local_id)
            if run_id is None:
                continue
            beat = Heartbeat(run_id=run_id, run_uuid=run_id, ttl_ms=1000)
            try:
                self._transport.call(BY_NAME["heartbeat"], beat)
            except MillraceError as error:
                if is_away(error):
                    raise
                self._kill(run_id)
        self.cursor.open_runs = []

    def _kill(self, run_id: str) -> None:
        cause = entries("Tag", {tags.END_CAUSE: "lost: the process ended without a word"})
        update = UpdateRun(run_id=run_id, run_uuid=run_id, status="KILLED")
        delivery = Delivery(self._transport, self._spool, None)
        tell(
            [
                refusal
                for item in pack([Logged(run_id, tags=cause), called("updateRun", update, run_id)])
                for refusal in delivery.send(item)
            ]
        )

    def _window(self) -> tuple[list[Record], int] | None:
        records: list[Record] = []
        end = self.cursor.offset
        for record, after in spools.read(self.journal, end):
            end = after
            if record is None:
                self.cursor.refused += 1
                logger.warning("%s: a damaged record before byte %s", self.journal, after)
            elif isinstance(record, Logged | Called):
                records.append(record)
            if len(records) >= _WINDOW:
                break
        return (records, end) if end > self.cursor.offset else None

    def _one_by_one(self, records: list[Record], delivery: Delivery) -> list[Refusal]:
        """Send what breaks the server in pieces; set aside the piece that does."""
        refusals: list[Refusal] = []
        for record in records:
            try:
                for item in pack([record]):
                    refusals += delivery.send(item, again=True)
            except MillraceError as error:
                if error.status != MillraceError.status:
                    raise
                refusals.append(Refusal(record, error))
        return refusals

    def _note(self, record: Record) -> None:
        """Keep track of which runs of this journal are open."""
        if not isinstance(record, Called):
            return
        if record.endpoint == "createRun" and record.local_id:
            self.cursor.open_runs.append(record.local_id)
        elif record.endpoint == "updateRun" and record.run_id in self.cursor.open_runs:
            request = msgspec.msgpack.decode(record.request, type=UpdateRun)
            status = request.status
            if isinstance(status, int):
                status = STATUS_NUMBERS.get(status)
            if status in TERMINAL:
                self.cursor.open_runs.remove(record.run_id)


def tell(refusals: list[Refusal]) -> None:
    """Log what a server refused, one line a reason."""
    reasons: dict[str, int] = {}
    for refusal in refusals:
        reasons[str(refusal.error)] = reasons.get(str(refusal.error), 0) + 1
    for reason, count in reasons.items():
        logger.warning("%s logged record(s) refused: %s", count, reason)


def sync(
    folder: Path,
    uri: str | None = None,
    *,
    choose: Callable[[str], Transport] | None = None,
    told: Callable[[Sent], None] | None = None,
) -> list[Sent]:
    """Send the spool in *folder*, to *uri* or where each journal says; tell what became of each.

    Journals of live processes that send for themselves are left to them; those of live offline
    processes are sent as far as they go, and the next call goes on from there. What is finished is
    deleted. `told` hears of each journal as it is done. `Conflict` when another `sync` is at it;
    whatever stops a journal, `Unavailable` above all, is raised after its state was kept.
    """
    if choose is None:
        from millrace.client.transports import choose as choose_transport  # noqa: PLC0415

        choose = choose_transport
    spool = spools.Spool(folder)
    done: list[Sent] = []
    if not spool.journals():
        return done
    with (folder / "sync.lock").open("wb") as lock:
        if not spools.hold(lock.fileno()):
            raise Conflict(f"Another sync is sending the spool {folder}.")
        transports: dict[str, Transport] = {}
        try:
            for journal in spool.journals():
                target = _target(journal, uri)
                if target not in transports:
                    transports[target] = choose(target)
                sent = _send(journal, spool, transports[target])
                done.append(sent)
                if told is not None:
                    told(sent)
        finally:
            for transport in transports.values():
                transport.close()
    return done


def _send(journal: Path, spool: Spool, transport: Transport) -> Sent:
    is_alive = spools.is_written(journal)
    head = _header(journal)
    replay = Replay(journal, transport, spool)
    if is_alive and not head.is_offline:
        why = f"process {head.pid} on {head.host}, which sends it itself"
        return _sent(replay, why)
    try:
        while replay.step():
            pass
    except Unresolved as error:
        return _sent(replay, f"another journal: {error.message}")
    if is_alive:
        return _sent(replay, f"process {head.pid} on {head.host}, which is still writing")
    replay.close_lost_runs()
    sent = _sent(replay, None)
    spools.discard(journal)
    return sent


def _sent(replay: Replay, waits_for: str | None) -> Sent:
    cursor = replay.cursor
    return Sent(replay.journal, cursor.sent, cursor.refused, replay.remaining_bytes(), waits_for)


def _header(journal: Path) -> Header:
    for record, _ in spools.read(journal):
        if isinstance(record, spools.Header):
            if record.format == spools.FORMAT:
                return record
            raise InvalidArgument(
                f"{journal} has format {record.format}; this version reads {spools.FORMAT}."
            )
        break
    raise InvalidArgument(f"{journal} is no journal of a spool: its header is missing.")


def _target(journal: Path, uri: str | None) -> str:
    target = uri or _header(journal).uri
    if not target:
        raise InvalidArgument(
            f"{journal} was written without a tracking URI; say where it belongs."
        )
    return target
