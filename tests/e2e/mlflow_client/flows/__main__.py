"""Run scripts of this folder with the stock client and print one JSON object about them.

    python flows experiments runs search:filters

runs two scripts and one scenario of a third. Executed by the interpreter of the MLflow environment,
never by Millrace's: nothing here may import Millrace or its tests. One process runs many scripts,
because importing MLflow takes seconds. The address of the server stands in MLFLOW_TRACKING_URI.

    {"<script>": {"<scenario>": {"result": ..., "error": traceback or null,
                                 "calls": [["POST", path without query, 200], ...]}}}
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import sys
import traceback
from typing import Any

from scenario import SCENARIOS, Scenario


class Calls(logging.Handler):
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


def wanted(names: list[str]) -> list[tuple[str, str, Scenario]]:
    """Import the scripts; return (script, name, scenario) of each scenario asked for."""
    found = []
    for name in names:
        script, _, only = name.partition(":")
        importlib.import_module(script)
        found += [
            (script, scenario, function)
            for (module, scenario), function in SCENARIOS.items()
            if module == script and only in ("", scenario)
        ]
    return found


def main() -> None:
    calls = Calls()
    wire = logging.getLogger("urllib3.connectionpool")
    wire.setLevel(logging.DEBUG)
    wire.addHandler(calls)
    wire.propagate = False
    report: dict[str, dict[str, Any]] = {}
    for script, name, function in wanted(sys.argv[1:]):
        result, error = None, None
        try:
            # The client prints addresses of runs; standard output is for the report alone.
            with contextlib.redirect_stdout(sys.stderr):
                result = function()
        except Exception:  # noqa: BLE001 (one broken scenario must not hide the others)
            error = traceback.format_exc()
        told = {"result": result, "error": error, "calls": calls.take()}
        report.setdefault(script, {})[name] = told
    sys.stdout.write(json.dumps(report))


main()
