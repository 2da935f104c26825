"""What operations write through: what the writer remembers, and what it gathers until COMMIT.

The writer remembers runs, keys and series that it has met, because nearly every write concerns the
same few. That holds as long as nobody else writes: each transaction begins with a turn, which
tells whether another process did (`turns`), and then all is forgotten.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from millrace.core.errors import InvalidArgument, KeyReused, NotFound
from millrace.stores.sql.audit import ChainEnd
from millrace.stores.sql.outbox import Outbox
from millrace.stores.sql.pyramid import FOLD_AT, Pyramid
from millrace.stores.sql.series_state import SeriesState

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import Receipt, Trail
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.statements import Statements

T = TypeVar("T")

METRIC, PARAM, TAG = 1, 2, 3
ACTIVE, DELETED = 0, 1

_REMEMBERED: Final = 100_000
KEEP_RECEIPTS_MS: Final = 48 * 60 * 60 * 1000


class RunState(msgspec.Struct):
    """What a write has to know of a run."""

    id: int
    experiment_id: int
    lifecycle: int
    lost: bool


class Transaction:
    """The writer's side of a database; one per connection, used by the writer thread only."""

    def __init__(self, session: Session, statements: Statements) -> None:
        self.session = session
        self.statements = statements
        self._runs: dict[str, RunState] = {}
        self._keys: dict[tuple[int, int, str], int] = {}
        self._series: dict[tuple[int, int], SeriesState] = {}
        self._next_ids: dict[str, int] = {}
        self._points: list[tuple[int, int, int, int]] = []
        self._touched_series: set[SeriesState] = set()
        self._touched_runs: set[int] = set()
        self.pyramid = Pyramid(session, statements)
        self.chain = ChainEnd(session, statements)
        self.outbox = Outbox(session, statements)

    # --- life of a transaction -----------------------------------------------------------------

    def begin(self) -> None:
        """Forget what another process may have changed since."""
        if self.session.turn.others_wrote or self._is_full():
            self.forget()

    def forget(self) -> None:
        """Forget everything; also what was gathered and not flushed."""
        for memory in (
            self._runs, self._keys, self._series, self._next_ids, self._points,
            self._touched_series, self._touched_runs,
        ):  # fmt: skip
            memory.clear()
        self.chain.forget()
        self.outbox.forget()

    def flush(self) -> None:
        """Write what was gathered: points, series, pyramid, revisions of runs, audit entries."""
        if self._points:
            # In the order of the tree, so that neighbours land on one page.
            self._points.sort()
            self.session.many(self.statements.insert_point, self._points)
            self._points.clear()
        if self._touched_series:
            self._flush_series()
        if self._touched_runs:
            self.session.many(
                self.statements.raise_revision, [(run, 0, None) for run in self._touched_runs]
            )
            self._touched_runs.clear()
        self.chain.flush()
        self.outbox.flush()

    def _flush_series(self) -> None:
        touched = self._touched_series
        for state in touched:
            if state.count - state.folded >= FOLD_AT:
                self.pyramid.fold(state)
        new = [state for state in touched if state.is_new]
        if new:
            rows = [
                (state.id, state.run_id, state.key_id, *row)
                for state, row in zip(new, SeriesState.changing(new), strict=True)
            ]
            self.session.many(self.statements.insert_series, rows)
            for state in new:
                state.is_new = False
        if len(new) < len(touched):
            known = list(touched.difference(new))
            rows = [
                (state.id, state.run_id, state.key_id, *row)
                for state, row in zip(known, SeriesState.changing(known), strict=True)
            ]
            self.session.many(self.statements.change_series, rows)
        touched.clear()

    def _is_full(self) -> bool:
        return max(len(self._runs), len(self._keys), len(self._series)) > _REMEMBERED

    # --- what operations look up ---------------------------------------------------------------

    def run_state(self, run_id: str) -> RunState:
        """The run's state; raise `NotFound`."""
        state = self._runs.get(run_id)
        if state is None:
            row = self.session.row(self.statements.run_state, (run_id,))
            if row is None:
                raise NotFound(f"Run with id={run_id} not found.")
            state = RunState(row[0], row[1], row[2], bool(row[3]))
            self._runs[run_id] = state
        return state

    def active_run(self, run_id: str) -> RunState:
        """The run's state; raise `NotFound`, or `InvalidArgument` when it is in the trash."""
        state = self.run_state(run_id)
        if state.lifecycle != ACTIVE:
            raise InvalidArgument(
                f"The run {run_id} must be in the 'active' state, and it is deleted.",
                hint="Restore it first.",
            )
        return state

    def remember_run(self, run_id: str, state: RunState) -> None:
        """Remember a run that was just written."""
        self._runs[run_id] = state

    def forget_runs(self) -> None:
        """Forget the state of runs, after a change of many of them at once."""
        self._runs.clear()

    def next_id(self, table: str) -> int:
        """A fresh row id. The write lock is held, so counting on from the greatest is safe.

        Ids of rows that were deleted are not given again: the turn has noted the greatest one.
        """
        if table not in self._next_ids:
            row = self.session.row(self.statements.greatest_id[table])
            used = self.session.turn.last_id(table)
            self._next_ids[table] = max(row[0] if row else 0, used)
        fresh = self._next_ids[table] = self._next_ids[table] + 1
        self.session.turn.note_id(table, fresh)
        return fresh

    def key_id(self, experiment_id: int, kind: int, name: str) -> int:
        """The id of a name, given one if it is new."""
        at = (experiment_id, kind, name)
        key = self._keys.get(at)
        if key is None:
            row = self.session.row(self.statements.key, at)
            if row is None:
                key = self.next_id("keys")
                self.session.run(self.statements.insert_key, (key, *at))
            else:
                key = row[0]
            self._keys[at] = key
        return key

    def known_key_id(self, experiment_id: int, kind: int, name: str) -> int | None:
        """The id of a name, or None when nothing was ever logged under it."""
        at = (experiment_id, kind, name)
        if at in self._keys:
            return self._keys[at]
        row = self.session.row(self.statements.key, at)
        return row[0] if row else None

    def series_of(self, run: int, key: int) -> SeriesState:
        """The series of a run under a key, a new one if there is none yet."""
        state = self._series.get((run, key))
        if state is None:
            row = self.session.row(self.statements.series, (run, key))
            if row is None:
                state = SeriesState(self.next_id("series"), run, key)
            else:
                state = SeriesState.of_row(row)
            self._series[run, key] = state
        return state

    # --- what operations gather ----------------------------------------------------------------

    def add_points(
        self, state: SeriesState, points: list[tuple[int, int, int]], values: dict[int, float]
    ) -> int:
        """Gather the points that are new to the series; how many they were.

        *values* maps each sortable integer to its double.
        """
        if len(points) > 1:
            points = sorted(set(points))
        if state.count and points[0] <= state.last:  # type: ignore[operator]  # 3-tuples both
            self._flush_points()
            has = self.statements.has_point
            points = [
                point
                for point in points
                if point > state.last  # type: ignore[operator]  # as above
                or self.session.row(has, (state.id, *point)) is None
            ]
            if not points:
                return 0
            if state.folded and points[0] <= state.folded_last:  # type: ignore[operator]  # as above
                late = [p for p in points if p <= state.folded_last]  # type: ignore[operator]  # as above
                self.pyramid.add_late(state, late)
        if len(points) == 1:
            state.add(points[0], values[points[0][2]])
        else:
            state.extend(points, values)
        series = state.id
        self._points.extend([(series, *point) for point in points])
        self._touched_series.add(state)
        return len(points)

    def _flush_points(self) -> None:
        if self._points:
            self._points.sort()
            self.session.many(self.statements.insert_point, self._points)
            self._points.clear()

    def touch(self, run: int) -> None:
        """Note that a run has changed: its document is stale from here on."""
        self._touched_runs.add(run)

    # --- what is written beside a change --------------------------------------------------------

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> None:
        """Audit a change that was just made to the object *id*; nothing when *trail* has no act.

        What was recorded before and after: entities or mappings; None where it is not there.
        """
        if trail.act is not None:
            self.chain.add(trail.act, kind, id, before=before, after=after)

    def emit(self, trail: Trail, event: str, payload: Recorded) -> None:
        """Tell those webhooks that want to hear of *event*, such as `model_version.created`."""
        self.outbox.put(trail, event, payload)

    # --- doing a thing once --------------------------------------------------------------------

    def once(
        self,
        trail: Trail,
        kind: type[T],
        change: Callable[[], T],
        *,
        was_written: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Do *change*, or give the first result again when the trail's receipt was seen before.

        A change that raises, or whose result tells that nothing *was_written*, leaves no receipt.
        """
        receipt = trail.receipt
        if receipt is None:
            return change()
        key = hashlib.sha256(receipt.key.encode()).hexdigest()
        row = self.session.row(self.statements.receipt, (key,))
        if row is not None:
            return self._replay(row[0], row[1], receipt, kind)
        result = change()
        if not was_written(result):
            return result
        self.session.run(
            self.statements.insert_receipt,
            (key, receipt.digest, receipt.at_ms, msgspec.msgpack.encode(result)),
        )
        oldest = receipt.at_ms - KEEP_RECEIPTS_MS
        self.session.run(self.statements.delete_old_receipts, (oldest,))
        return result

    @staticmethod
    def _replay(digest: str, result: bytes, receipt: Receipt, kind: type[T]) -> T:
        if digest != receipt.digest:
            raise KeyReused(
                "This Idempotency-Key was used for another request. Send a new key with a new "
                "request."
            )
        return msgspec.msgpack.decode(result, type=kind)
