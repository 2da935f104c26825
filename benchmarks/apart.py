"""Runs a function in a process of its own: no measurement inherits another's heap or loop."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Overdue(Exception):
    """The function did not finish in its time."""


def apart(timeout_s: float, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
    """Return `function(*args, **options)`, computed in a fresh interpreter.

    Function, arguments and result must pickle. What the function raises is raised here; after
    *timeout_s* the process is ended and `Overdue` raised.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(theirs, function, args, options))
    child.start()
    theirs.close()
    try:
        if not ours.poll(timeout_s):
            raise Overdue(f"not finished in {timeout_s:.0f} s")
        kind, outcome = ours.recv()
    except EOFError as error:
        raise RuntimeError(f"the measuring process ended with {child.exitcode}") from error
    finally:
        child.terminate()
        child.join()
    if kind == "raised":
        raise outcome
    result: T = outcome
    return result


def _work(
    pipe: Pipe,
    function: Callable[..., object],
    args: tuple[object, ...],
    options: dict[str, object],
) -> None:
    try:
        pipe.send(("returned", function(*args, **options)))
    except Exception as error:  # noqa: BLE001 - carried to the parent, which raises it
        pipe.send(("raised", error))
