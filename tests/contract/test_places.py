"""What all records of a place have in common: kind, secret, health, closing."""

from __future__ import annotations

import pytest

from millrace.core.errors import Unavailable
from millrace.stores.protocols import Stores
from tests.contract.build import add_run, batch, new_dataset, new_experiment, new_run, point, read


def test_a_place_says_what_it_is(stores: Stores) -> None:
    assert stores.kind
    assert stores.health().kind == stores.kind


def test_an_open_place_is_ready(stores: Stores) -> None:
    health = stores.health()

    assert health.ready
    assert health.queue == 0


def test_the_secret_is_long_and_stays(stores: Stores) -> None:
    assert len(stores.secret()) >= 16
    assert stores.secret() == stores.secret()


def test_what_was_accepted_before_closing_is_done(stores: Stores) -> None:
    run = add_run(stores.tracking)
    futures = [stores.tracking.append(run, batch(point(step, step))) for step in range(200)]

    stores.close()

    assert [future.result(timeout=0).new_points for future in futures] == [1] * 200


def test_after_closing_nothing_is_written(stores: Stores) -> None:
    run = add_run(stores.tracking)
    stores.close()

    for write in (
        lambda: stores.tracking.add_experiment(new_experiment()),
        lambda: stores.tracking.add_run(new_run()),
        lambda: stores.tracking.append(run, batch(point(1))),
        lambda: stores.evaluation.add_dataset(new_dataset()),
    ):
        with pytest.raises(Unavailable):
            write().result()


def test_closing_twice_is_closing_once(stores: Stores) -> None:
    stores.close()
    stores.close()


def test_who_has_an_answer_can_read_what_was_written(stores: Stores) -> None:
    """Reads begin after the write: no reader sees an older state than the last answer."""
    store = stores.tracking
    run = add_run(store)

    for step in range(100):
        store.append(run, batch(point(step, step), tags={"t": str(step)})).result()

        data = read(store, run).data
        assert (data.metrics, data.tags) == ({"m": step}, {"t": str(step)})
