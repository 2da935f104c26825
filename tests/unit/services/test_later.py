"""Results that come later, changed on the way."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from millrace.core.errors import Conflict, NotFound, Unavailable
from millrace.services.later import decided_afresh, then


def test_a_chain_of_changes_is_done_when_the_result_comes() -> None:
    source: Future[int] = Future()
    chained = then(then(source, lambda number: number + 1), str)
    before = chained.done()

    source.set_result(1)

    assert (before, chained.result(0)) == (False, "2")


def test_what_is_there_already_is_changed_at_once() -> None:
    source: Future[int] = Future()
    source.set_result(1)

    assert then(source, lambda number: -number).result(0) == -1


def test_an_error_passes_by_the_changes() -> None:
    source: Future[int] = Future()
    seen: list[int] = []
    chained = then(then(source, seen.append), seen.append)
    error = NotFound("No such run.")

    source.set_exception(error)

    assert chained.exception(0) is error
    assert seen == []


def test_a_change_that_fails_fails_the_rest_of_the_chain() -> None:
    source: Future[int] = Future()
    chained = then(then(source, lambda number: 1 // number), str)

    source.set_result(0)

    with pytest.raises(ZeroDivisionError):
        chained.result(0)
    assert source.result(0) == 0


def test_what_met_a_conflict_is_decided_afresh() -> None:
    outcomes: list[Future[int]] = []

    def decide() -> Future[int]:
        outcomes.append(Future())
        return outcomes[-1]

    settled = decided_afresh(decide, tries=5)
    for _ in range(3):
        outcomes[-1].set_exception(Conflict("Another change came between."))
        assert not settled.done()
    outcomes[-1].set_result(7)

    assert settled.result(0) == 7
    assert len(outcomes) == 4


@pytest.mark.parametrize("is_late", [True, False])
def test_decisions_come_to_an_end(is_late: bool) -> None:
    made: list[Future[int]] = []

    def decide() -> Future[int]:
        made.append(Future())
        if not is_late:
            made[-1].set_exception(Conflict("Another change came between."))
        return made[-1]

    settled = decided_afresh(decide, tries=2_000)
    while is_late and not settled.done():
        made[-1].set_exception(Conflict("Another change came between."))

    with pytest.raises(Unavailable):
        settled.result(0)
    assert len(made) == 2_000


@pytest.mark.parametrize("at", [0, 1])
def test_a_refusal_is_no_reason_to_decide_afresh(at: int) -> None:
    steps = iter(range(5))

    def decide() -> Future[int]:
        if next(steps) == at:
            raise NotFound("No such run.")
        made: Future[int] = Future()
        made.set_exception(Conflict("Another change came between."))
        return made

    with pytest.raises(NotFound):
        decided_afresh(decide, tries=5).result(0)
    assert next(steps) == at + 1
