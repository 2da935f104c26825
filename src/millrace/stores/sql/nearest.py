"""The points of series at one place of the x axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from millrace.core import series as arithmetic
from millrace.core.numbers import INT64_MAX, INT64_MIN
from millrace.stores.sql.pyramid import OVER_STEPS
from millrace.stores.sql.stretches import Stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.core.series import Point
    from millrace.stores.protocols import SeriesWindow
    from millrace.stores.sql.charts import Charts
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.series import Named
    from millrace.stores.sql.statements import Statements


class Nearest:
    """Finds points by x in one snapshot."""

    def __init__(self, session: Session, statements: Statements, charts: Charts) -> None:
        self._session = session
        self._statements = statements
        self._charts = charts
        self._stretches = Stretches(session, statements, over_steps=False)

    def of(
        self, one: Named, window: SeriesWindow, at: float, *, previous: bool
    ) -> tuple[float, Point] | None:
        """The point of a series that is nearest to *at*, with its x; see `TrackingStore`."""
        match window.x:
            case "step":
                found = self._by_step(one, at)
            case "metric":
                found = iter(self._charts.beside(one))
            case _:
                offset = one.start_ms if window.x == "relative" else 0
                found = ((point[1] - offset, point) for point in self._by_time(one, at + offset))
        return arithmetic.nearest(found, at, previous=previous)

    def _by_step(self, one: Named, at: float) -> Iterator[tuple[float, Point]]:
        """The last point that is not beyond, and the last one of the next step."""
        series = one.state.id
        below = _whole(math.floor, at)
        for row in self._session.rows(self._statements.last_point, (series, INT64_MIN, below)):
            yield row[0], row
        above = (series, _whole(math.ceil, at), INT64_MAX, 1)
        for row in self._session.rows(self._statements.points_limited, above):
            last = self._session.rows(self._statements.last_point, (series, row[0], row[0]))
            yield row[0], last[0]

    def _by_time(self, one: Named, at: float) -> Iterator[Point]:
        state = one.state
        if state.axis != OVER_STEPS or not state.in_time_order:
            everything = (state.id, INT64_MIN, INT64_MAX)
            yield from self._session.rows(self._statements.points, everything)
            return
        below, above = _whole(math.floor, at), _whole(math.ceil, at)
        yield from self._stretches.points_about(state, below, is_first=False)
        found = self._stretches.points_about(state, above, is_first=True)
        later = [point for point in found if point[1] >= above]
        if later:  # others of that time may be in the next slot
            yield from later
            yield from self._stretches.points_about(state, later[0][1], is_first=False)
        yield from self._stretches.points_after(state.id, tuple(state.folded_last))


def _whole(rounded: Callable[[float], int], at: float) -> int:
    if math.isinf(at):
        return INT64_MAX if at > 0 else INT64_MIN
    return max(INT64_MIN, min(INT64_MAX, rounded(at)))
