"""Results that come later, changed on the way."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from millrace.core.errors import NotFound
from millrace.services.later import then


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
