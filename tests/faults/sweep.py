"""Run by `test_system_calls.py` with `failing_calls.c` preloaded: every call in turn fails.

Prints how many calls each verb makes. AssertionError when something is half there afterwards, lost
although it was acknowledged, or cannot be done at once when calls work again.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from millrace.core.entities.run import RunChange
from millrace.core.errors import MillraceError
from millrace.stores.open import open_stores
from millrace.stores.protocols import Inspects, Stores
from tests.contract.build import add_run, batch, history, new_experiment, new_run, point, read

SYSTEM = ctypes.CDLL(None)
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
SOON_S = 60
KEYS = ("a", "b/c")

Act = Callable[[], Future[Any]]
Look = Callable[[], object]


def append(stores: Stores, number: int, run: str) -> tuple[Act, Look]:
    """A batch with something of everything."""
    points = [point(number, number, number, key) for key in KEYS]
    added = batch(*points, params={f"p{number}": "1"}, tags={"t": str(number)})

    def look() -> object:
        data = read(stores.tracking, run).data
        steps = [
            max([0, *(step for step, _, _ in history(stores.tracking, run, key))]) for key in KEYS
        ]
        return (
            f"p{number}" in data.params,
            data.tags.get("t") == str(number),
            *(s == number for s in steps),
        )

    return lambda: stores.tracking.append(run, added), look


def new(stores: Stores, number: int, _: str) -> tuple[Act, Look]:
    """A run."""
    made = new_run(run_id=f"{number:032x}", tags={"t": "1"})
    run = made.info.run_id

    def look() -> object:
        found = stores.tracking.run(run)
        return found is not None, found is not None and read(stores.tracking, run).data.tags == {
            "t": "1"
        }

    return lambda: stores.tracking.add_run(made), look


def rename(stores: Stores, number: int, run: str) -> tuple[Act, Look]:
    """Another name and another end."""
    change = RunChange(run_name=f"n{number}", end_time=number)

    def look() -> object:
        info = read(stores.tracking, run).info
        return info.run_name == f"n{number}", info.end_time == number

    return lambda: stores.tracking.change_run(run, change), look


def found(stores: Stores, number: int, _: str) -> tuple[Act, Look]:
    """An experiment."""
    name = f"e{number}"
    made = new_experiment(name)
    return (
        lambda: stores.tracking.add_experiment(made),
        lambda: (stores.tracking.experiment_named(name) is not None,),
    )


VERBS = {"append": append, "new run": new, "change a run": rename, "new experiment": found}


def main(uri: str) -> None:
    """Sweep over all errors, verbs and calls."""
    numbers = itertools.count(1)
    stores = open_stores(uri)
    run = add_run(stores.tracking)
    for error in ERRORS:
        for name, verb in VERBS.items():
            for call in itertools.count(1):
                act, look = verb(stores, next(numbers), run)
                SYSTEM.fail_call(call, error)
                is_done = False
                with contextlib.suppress(MillraceError):
                    act().result(SOON_S)
                    is_done = True
                was_hit = SYSTEM.calls() >= call
                SYSTEM.fail_call(0, 0)

                state = look()
                assert set(state) in ({True}, {False}), f"{name}, call {call}: half of it: {state}"
                assert not is_done or set(state) == {True}, f"{name}, call {call}: lost"
                act, look = verb(stores, next(numbers), run)
                act().result(SOON_S)
                assert set(look()) == {True}
                if not was_hit:
                    break
            print(f"{errno.errorcode[error]} {name}: {call - 1}", flush=True)
        stores.close()
        stores = open_stores(uri)
        assert isinstance(stores, Inspects)
        damage = list(stores.inspect(full=True, repair=False))
        assert damage == [], damage
    stores.close()


if __name__ == "__main__":
    main(sys.argv[1])
