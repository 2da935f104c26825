"""A writer that knows what it should find: every write API, in a random order made of a seed.

Each writer changes records of its own, one write at a time, and some keys of a run that all share.
So after a fault each of its records is as its last acknowledged write left it, or, where a write
was under way, as that one leaves it: nothing between, and nothing else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.faults.link import Link, Unknown
from tests.e2e.faults.records import Reader, Ref, View, check_summaries, difference
from tests.e2e.faults.writes import Choices, Write
from tests.wire.client import Reply

_REMEMBERED: Final = 4
_MOST_TRIES: Final = 50
_IN_DOUBT: Final = "it cannot be asked whether it did"
"""What a server says that lost its database on COMMIT, and did not find it again in time."""


@dataclass
class Tally:
    """What became of the writes."""

    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    done: int = 0
    """How many of the unanswered ones had been done."""

    def add(self, other: Tally) -> None:
        self.acknowledged += other.acknowledged
        self.refused += other.refused
        self.unanswered += other.unanswered
        self.done += other.done

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.refused} refused, "
            f"{self.unanswered} unanswered ({self.done} of them found done)"
        )


class Writer:
    """One writer. *shared* and *home*: the run, and its experiment, that all writers share.

    It reads through *reads* where that is another connection; *may_lack_key* as `Choices` has it.
    """

    def __init__(
        self,
        name: str,
        link: Link,
        *,
        home: str,
        shared: str,
        may_lack_key: bool = True,
        reads: Link | None = None,
    ) -> None:
        self.tally = Tally()
        self._link = link
        self._reads = reads or link
        self._choices = Choices(
            name,
            home=home,
            shared=shared,
            reader_of=lambda ids: Reader(self._reads, ids),
            may_lack_key=may_lack_key,
        )
        self._views = self._choices.views
        self._ids = self._choices.ids
        self._recent: deque[Ref] = deque(maxlen=_REMEMBERED)
        self._pending: Write | None = None

    def write(self) -> bool:
        """Send the next write; False when nobody knows what became of it."""
        write = self._choices.next()
        self._pending = write
        try:
            reply = self._send(write)
        except Unknown:
            return False
        if reply.status == 503 and _IN_DOUBT in reply.text:
            return False
        self._pending = None
        if reply.status == 503:
            self.tally.refused += 1
            self._recent.extend(write.changes)
        else:
            self._take(write, reply)
        return True

    def write_until_answered(self) -> None:
        """Send the next write as often as it takes; what was sent with a key now and then again."""
        write = self._choices.next()
        reply = self._insist(write)
        self._take(write, reply)
        if write.key is not None and self._choices.dice.random() < 0.2:
            again = self._insist(write)
            assert again.body == reply.body, f"{write.path}: {reply.text}, then {again.text}"

    def _insist(self, write: Write) -> Reply:
        for _ in range(_MOST_TRIES):
            try:
                return self._send(write)
            except Unknown:
                self.tally.unanswered += 1
        raise AssertionError(f"{write.path} was never answered")

    def settle(self) -> None:
        """After a fault, with the server back: check what was changed last, and what was pending.

        A pending write with a key is then sent again, and must have its one effect.
        """
        self._link.close()
        self._reads.close()
        write, self._pending = self._pending, None
        if write is not None:
            self._settle(write)
        for ref in set(self._recent):
            self._check(ref)
        self._recent.clear()

    def check_everything(self) -> None:
        """Check all records that were ever made, and the aggregates of all runs."""
        for ref in list(self._views):
            self._check(ref)
        for ref, view in self._views.items():
            if ref[0] == "run" and view is not None:
                experiment = self._choices.experiment_of(ref)
                check_summaries(self._reads, experiment, self._ids[ref], view)

    def _settle(self, write: Write) -> None:
        found = {ref: self._view(ref, write) for ref in write.changes}
        before = {ref: self._views.get(ref) for ref in write.changes}
        self.tally.unanswered += 1
        if found == write.changes:
            self.tally.done += 1
        else:
            assert found == before, f"half of {write.path} is there: " + "; ".join(
                f"{ref}: {difference(found[ref], before[ref])}" for ref in before
            )
        if write.key is not None:
            self._take(write, self._send(write))
        elif found == write.changes:
            self._note(write)
        self._recent.extend(write.changes)

    def _send(self, write: Write) -> Reply:
        return self._link.send(write.method, write.path, write.message, key=write.key)

    def _take(self, write: Write, reply: Reply) -> None:
        assert reply.status == 200, f"{write.path} was answered {reply}"
        if write.says_id:
            told: Any = reply.json
            for part in write.says_id:
                told = told[part]
            (ref,) = write.changes
            assert self._ids.setdefault(ref, told) == told, f"{write.path} has had another effect"
        self._note(write)
        self.tally.acknowledged += 1

    def _note(self, write: Write) -> None:
        self._choices.note(write)
        self._recent.extend(write.changes)

    def _check(self, ref: Ref) -> None:
        found, told = self._view(ref), self._views.get(ref)
        assert found == told, f"{ref}: {difference(found, told)}"

    def _view(self, ref: Ref, write: Write | None = None) -> View | None:
        experiment = self._choices.experiment(write.home if write else None)
        return self._choices.reader.view(ref, [experiment])
