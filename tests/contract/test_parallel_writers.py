"""Many writers at once against a model of what must come out (P3, R4).

Every writer keeps its own account of what it was told; afterwards the accounts together must be
what the store holds. `--full-size`: 64 writers with 10,000 operations each.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from millrace.core.errors import AlreadyExists
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    add_experiment,
    add_run,
    at_once,
    batch,
    history,
    new_experiment,
    new_run,
    params_of,
    point,
    read,
    receipt,
    search,
    tags_of,
)

STEPS = 400
NAMES = 500
"""Of experiments, which all writers want: with more of them, fewer would want the same."""
AT_ONE_LIST = 500
"""Turns after which writers go on with another list: to append to a list writes all of it anew."""


class Account:
    """What one writer was told."""

    def __init__(self) -> None:
        self.points: Counter[str] = Counter()
        """Points that were new when this writer sent them, by run."""
        self.sent: dict[str, set[int]] = {}
        """Steps of all points that it sent, by run."""
        self.params: dict[tuple[str, str], set[str]] = {}
        """Values that its params were said to have, by run and key."""
        self.tags: dict[tuple[str, str], str] = {}
        """Tags of its own, by run and key."""
        self.items: list[tuple[str, int]] = []
        """Turns in which it appended to a list of a run."""
        self.made: dict[str, str] = {}
        """Experiments that it made, by name."""
        self.taken: set[str] = set()
        """Names that it was told are taken."""
        self.runs: set[str] = set()


def write(store: TrackingStore, number: int, runs: list[str], operations: int) -> Account:
    """Do *operations* of all kinds, several under way at a time."""
    dice, account = random.Random(number), Account()
    for turn in range(operations):
        run = dice.choice(runs)
        match dice.randrange(10):
            case 0:
                key, value = f"p{dice.randrange(20)}", str(dice.randrange(3))
                outcome = store.append(run, batch(params={key: value})).result()
                held = outcome.clashes[0].old if outcome.clashes else value
                account.params.setdefault((run, key), set()).add(held)
            case 1:
                key = f"own{number}-{dice.randrange(3)}"
                store.append(run, batch(tags={key: str(turn)})).result()
                account.tags[run, key] = str(turn)
            case 2:
                store.append_to_tag_list(run, _list_of(turn), [number, turn]).result()
                account.items.append((run, turn))
            case 3:
                _make_experiment(store, f"name {dice.randrange(min(operations, NAMES))}", account)
            case 4:
                _make_run_twice(store, number, turn, account)
            case _:
                _send_points(store, run, dice, account)
    return account


def _list_of(turn: int) -> str:
    return f"list {turn // AT_ONE_LIST}"


def _make_experiment(store: TrackingStore, name: str, account: Account) -> None:
    try:
        made = store.add_experiment(new_experiment(name)).result()
    except AlreadyExists:
        account.taken.add(name)
    else:
        account.made[name] = made.experiment_id


def _make_run_twice(store: TrackingStore, number: int, turn: int, account: Account) -> None:
    """As a client that has lost the first answer."""
    run, trail = new_run(run_name="twice"), receipt(f"{number}/{turn}")
    answers = [store.add_run(run, trail=trail) for _ in range(2)]
    assert answers[0].result() == answers[1].result()
    account.runs.add(run.info.run_id)


def _send_points(store: TrackingStore, run: str, dice: random.Random, account: Account) -> None:
    """Three batches without waiting between them. A step has one value, whoever sends it."""
    under_way: list[Future[Any]] = []
    for _ in range(3):
        steps = [dice.randrange(STEPS) for _ in range(dice.randrange(1, 6))]
        under_way.append(store.append(run, batch(*(point(step % 7, step) for step in steps))))
        account.sent.setdefault(run, set()).update(steps)
    account.points[run] += sum(future.result().new_points for future in under_way)


@pytest.mark.proof("P3")
@pytest.mark.timeout(3_600)
def test_nothing_is_lost_and_nothing_is_there_twice(store: TrackingStore, full_size: bool) -> None:
    writers, operations = (64, 10_000) if full_size else (12, 60)
    runs = [add_run(store) for _ in range(3)]

    with ThreadPoolExecutor(writers) as pool:
        under_way = [
            pool.submit(write, store, number, runs, operations) for number in range(writers)
        ]
        accounts = [one.result() for one in under_way]

    for run in runs:
        _check_points(store, run, accounts)
        _check_params(store, run, accounts)
        _check_tags(store, run, accounts)
    _check_experiments(store, accounts)
    made = set().union(*(account.runs for account in accounts))
    assert set(search(store, "0", "run_name = 'twice'", limit=10**6)) == made


def _check_points(store: TrackingStore, run: str, accounts: list[Account]) -> None:
    sent = set().union(*(account.sent.get(run, set()) for account in accounts))
    found = history(store, run) if sent else []
    (summary,) = store.metric_summaries(run)
    assert {step for step, _, _ in found} == sent
    assert len(found) == len(sent)
    assert sum(account.points[run] for account in accounts) == len(sent) == summary.count
    assert summary.last_step == max(sent)
    assert summary.mean == sum(step % 7 for step in sent) / len(sent)


def _check_params(store: TrackingStore, run: str, accounts: list[Account]) -> None:
    told: dict[str, set[str]] = {}
    for account in accounts:
        for (of, key), values in account.params.items():
            if of == run:
                told.setdefault(key, set()).update(values)
    assert {key: {value} for key, value in params_of(store, run).items()} == told


def _check_tags(store: TrackingStore, run: str, accounts: list[Account]) -> None:
    tags = tags_of(store, run)
    lists = {key: tags.pop(key) for key in list(tags) if key.startswith("list ")}
    assert tags == {
        key: value for account in accounts for (of, key), value in account.tags.items() if of == run
    }
    items = [
        (key, number, turn)
        for key, text in lists.items()
        for number, turn in msgspec.json.decode(text, type=list[tuple[int, int]])
    ]
    assert Counter(items) == Counter(
        (_list_of(turn), number, turn)
        for number, account in enumerate(accounts)
        for of, turn in account.items
        if of == run
    )


def _check_experiments(store: TrackingStore, accounts: list[Account]) -> None:
    made = Counter(name for account in accounts for name in account.made)
    ids = sorted(int(one) for account in accounts for one in account.made.values())
    taken = set().union(*(account.taken for account in accounts))
    assert set(made.values()) == {1}
    assert ids == list(range(1, len(ids) + 1))
    assert taken <= made.keys()
    for account in accounts:
        for name, experiment_id in account.made.items():
            found = store.experiment_named(name)
            assert found is not None
            assert found.experiment_id == experiment_id


def test_readers_see_whole_batches(store: TrackingStore) -> None:
    """While others write, every reading shows all of a batch or nothing of it."""
    run = add_run(store, add_experiment(store))
    done: list[Future[Any]] = []

    def write_all(number: int) -> None:
        text = str(number)
        whole = batch(
            point(number, number, key="a"),
            point(number, number, key="b"),
            tags={"x": text, "y": text},
        )
        done.append(store.append(run, whole))

    def look(_: int) -> None:
        data = read(store, run).data
        assert data.metrics.get("a") == data.metrics.get("b")
        assert data.tags.get("x") == data.tags.get("y")

    turns = [(write_all if number % 2 else look, number) for number in range(300)]
    outcomes = at_once(lambda turn: turn[0](turn[1]), turns)

    assert [one for one in outcomes if one is not None] == []
    assert [future.result().new_points for future in done] == [2] * 150
