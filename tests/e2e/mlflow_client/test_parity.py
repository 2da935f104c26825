"""The same scripts against the real MLflow and the server under test: the same answers.

What cannot be equal (ids, times, invented names) is masked or labelled by the scripts. What we do
otherwise on purpose is a row of `DIFFERENCES` or `MORE_FIELDS`; any other difference is a mistake,
and so is a row that is no longer true.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow

INVALID = "INVALID_PARAMETER_VALUE"
INFINITY = float("inf")
LARGEST = 1.7976931348623157e308


class Difference(NamedTuple):
    """What MLflow answers, what we answer, and why."""

    theirs: Any
    ours: Any
    why: str


def answer(*replies: list[Any], raised: str | None = None) -> dict[str, Any]:
    return {"raised": raised, "replies": list(replies)}


def refused(status: int, code: str, method: str = "POST") -> dict[str, Any]:
    return answer([method, status, {"error_code": code}], raised=code)


@pytest.fixture(scope="module")
def both(stock_client, mlflow_server, millrace_server):
    """Run a script on both servers at once; return (theirs, ours) of one of its scenarios."""

    def run(script: str, scenario: str) -> tuple[dict[str, Any], dict[str, Any]]:
        with ThreadPoolExecutor(2) as pool:
            reports = pool.map(
                lambda uri: stock_client.run(script, uri), (mlflow_server, millrace_server)
            )
            theirs, ours = (report.whatever_it_took(scenario) for report in reports)
        return theirs, ours

    return run


def test_search_answers_alike(both):
    theirs, ours = both("parity_search", "search")

    assert ours.keys() == theirs.keys()
    assert len(theirs) > 190
    assert unlike(theirs, ours) == {}


def test_lives_are_alike(both):
    theirs, ours = both("parity_lifecycle", "life")

    assert ours.keys() == theirs.keys()
    assert unlike(theirs, ours) == {}


def unlike(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    return {key: (theirs[key], ours[key]) for key in theirs if theirs[key] != ours[key]}
