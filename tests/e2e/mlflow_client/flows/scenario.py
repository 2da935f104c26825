"""Run the scenarios of a script with the stock client and print one JSON object about them.

Executed by the interpreter of the MLflow environment, never by Millrace's: it may import neither
Millrace nor its tests. The address of the server stands in MLFLOW_TRACKING_URI.

    {"<scenario>": {"result": ..., "error": traceback or null, "calls": [["POST", path, 200], ...]}}
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import traceback
import uuid
from collections.abc import Callable
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

Scenario = Callable[[], Any]
_SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Add *function*, which takes nothing and returns something JSON can hold, to the script."""
    _SCENARIOS[function.__name__] = function
    return function


def new_name(stem: str = "flow") -> str:
    """Return a name nobody has used, so that a script may run again on the same server."""
    return f"{stem}-{uuid.uuid4().hex[:10]}"


def new_experiment(stem: str = "flow", **options: Any) -> str:
    """Create an experiment with a name nobody has used; return its id."""
    return MlflowClient().create_experiment(new_name(stem), **options)


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Call *function*; return the error code of the exception it raises, None when it succeeds."""
    try:
        function(*args, **kwargs)
    except MlflowException as error:
        return error.error_code
    return None


class _Calls(logging.Handler):
    """Every HTTP exchange, as urllib3 reports it: method, path without the query, status."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[tuple[str, str, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 8:
            _, _, _, method, target, _, status, _ = record.args
            self.seen.append((str(method), str(target).partition("?")[0], int(str(status))))

    def take(self) -> list[tuple[str, str, int]]:
        seen, self.seen = self.seen, []
        return seen


def main() -> None:
    """Run the scenarios named on the command line, or all of them."""
    calls = _Calls()
    wire = logging.getLogger("urllib3.connectionpool")
    wire.setLevel(logging.DEBUG)
    wire.addHandler(calls)
    wire.propagate = False
    report: dict[str, Any] = {}
    for name in sys.argv[1:] or _SCENARIOS:
        result, error = None, None
        try:
            # The client prints addresses of runs; standard output is for the report alone.
            with contextlib.redirect_stdout(sys.stderr):
                result = _SCENARIOS[name]()
        except Exception:  # noqa: BLE001 (one broken scenario must not hide the others)
            error = traceback.format_exc()
        report[name] = {"result": result, "error": error, "calls": calls.take()}
    sys.stdout.write(json.dumps(report))
