"""The tracking API as the benchmarks call it: set-up, and reading everything back.

Read-back compares what the server holds with what it acknowledged. A point it lost, changed or
invented raises `Untrue`, and the scenario then has no figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from benchmarks.contenders import Target
from benchmarks.data import Point, Series
from benchmarks.http1 import Connection, Reply, Requests
from benchmarks.lanes import OK

API = "/api/2.0/mlflow"
HISTORY_PAGE = 25_000

Json = dict[str, Any]


class Untrue(Exception):
    """What is read back is not what was acknowledged."""


class Refused(Exception):
    """A request that the measurement needs was not answered with 200."""


def requests(target: Target) -> Requests:
    """Request bytes for the tracking API of *target*."""
    return Requests(target.address, API)


def encode(body: Json) -> bytes:
    """JSON without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()


class Session:
    """Calls that set the stage or look at the result; nothing timed goes through here."""

    def __init__(self, target: Target, *, timeout_s: float = 120.0) -> None:
        self._connection = Connection(target.address, timeout_s=timeout_s)
        self._requests = requests(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: Json) -> Json:
        """POST and return the decoded answer; raise `Refused` unless it is 200."""
        return decoded(self._connection.exchange(self._requests.post(path, encode(body))), path)

    def get(self, path: str, **query: str | int) -> Json:
        """GET and return the decoded answer; raise `Refused` unless it is 200."""
        request = self._requests.get(f"{path}?{urlencode(query)}")
        return decoded(self._connection.exchange(request), path)

    def experiment(self, name: str) -> str:
        """Create an experiment; return its id."""
        answer = self.post("/experiments/create", {"name": name})
        return str(answer["experiment_id"])

    def run(self, experiment_id: str, name: str = "bench") -> str:
        """Create a run; return its id."""
        body = {"experiment_id": experiment_id, "run_name": name, "start_time": 1_700_000_000_000}
        return str(self.post("/runs/create", body)["run"]["info"]["run_id"])

    def history(self, run_id: str, key: str) -> list[Point]:
        """Every point of one metric, page by page."""
        points: list[Point] = []
        query: dict[str, str | int] = {
            "run_id": run_id,
            "metric_key": key,
            "max_results": HISTORY_PAGE,
        }
        while True:
            page = self.get("/metrics/get-history", **query)
            points += [
                Point(m["timestamp"], m.get("step", 0), m["value"]) for m in page.get("metrics", [])
            ]
            if not page.get("next_page_token"):
                return points
            query["page_token"] = page["next_page_token"]


def decoded(reply: Reply, what: str) -> Json:
    """Return the JSON of *reply*; raise `Refused` unless its status is 200."""
    if reply.status != OK:
        raise Refused(f"{what}: {reply.status} {reply.body[:300].decode(errors='replace')}")
    answer: Json = json.loads(reply.body)
    return answer


@dataclass
class Ledger:
    """What one lane sent: batches that were acknowledged, and those whose fate is unknown."""

    series: Series
    kept: list[int] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)

    def enter(self, batch: int, reply: Reply) -> None:
        """Book *batch* by the answer it got."""
        (self.kept if reply.status == OK else self.doubtful).append(batch)

    @property
    def points(self) -> int:
        """Points acknowledged."""
        return len(self.kept) * self.series.keys * self.series.steps

    def verify(self, session: Session) -> None:
        """Compare with what the server now holds."""
        for index in range(self.series.keys):
            found = session.history(self.series.run_id, self.series.key(index))
            compare(
                found,
                expected=[p for batch in self.kept for p in self.series.points(index, batch)],
                allowed=[p for batch in self.doubtful for p in self.series.points(index, batch)],
            )


def compare(
    found: Iterable[Point], *, expected: list[Point], allowed: Iterable[Point] = ()
) -> None:
    """Raise `Untrue` unless *found* is *expected*, in any order, plus any of *allowed*."""
    listed = list(found)
    held, wanted = set(listed), set(expected)
    if lost := len(wanted - held):
        raise Untrue(f"lost {lost} of {len(wanted)} points")
    if strange := len(held - wanted - set(allowed)):
        raise Untrue(f"holds {strange} points that were never sent")
    if len(held) != len(listed):
        raise Untrue(f"holds {len(listed) - len(held)} points twice")


def verify(target: Target, ledgers: Iterable[Ledger]) -> None:
    """Read back everything in *ledgers*."""
    with Session(target) as session:
        for ledger in ledgers:
            ledger.verify(session)
