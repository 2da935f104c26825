"""Measures a client library from inside: what importing and logging cost the training script.

python client_probe.py import MODULE
python client_probe.py log MODULE TRACKING_URI MODE CALLS SECONDS

MODE is `default`, `synchronous` or `asynchronous`; at most CALLS calls or SECONDS seconds of them.
Prints one JSON object. Runs in the library's own environment: standard library only.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

KEY = "train/loss"


def measure_import(name: str) -> dict[str, Any]:
    """Cost of `import` in a fresh interpreter, beyond the interpreter itself."""
    before = set(sys.modules)
    cpu, wall = time.process_time(), time.perf_counter()
    importlib.import_module(name)
    return {
        "import_wall_s": time.perf_counter() - wall,
        "import_cpu_s": time.process_time() - cpu,
        "modules": len(set(sys.modules) - before),
    }


def measure_logging(name: str, uri: str, mode: str, calls: int, seconds: float) -> dict[str, Any]:
    """Cost per `log_metric` call, and of making all of them durable.

    `ready_s` is the time from `import` to the first metric logged synchronously.
    """
    began = time.perf_counter()
    library = importlib.import_module(name)
    library.set_tracking_uri(uri)
    library.set_experiment("client")
    options = {} if mode == "default" else {"synchronous": mode == "synchronous"}
    with library.start_run() as run:
        library.log_metric("warm-up", 0.0, step=0, synchronous=True)
        ready_s = time.perf_counter() - began
        log, value = library.log_metric, 1 / 3
        cpu, started = time.process_time(), time.perf_counter()
        done = 0
        while done < calls and (done % 16 or time.perf_counter() - started < seconds):
            log(KEY, value * done, step=done, **options)
            done += 1
        called_s, called_cpu_s = (time.perf_counter() - started, time.process_time() - cpu)
        library.flush_async_logging()
        durable_s = time.perf_counter() - started
        run_id = run.info.run_id
    return {
        "run_id": run_id,
        "calls": done,
        "ready_s": ready_s,
        "call_us": called_s / done * 1e6,
        "call_cpu_us": called_cpu_s / done * 1e6,
        "durable_s": durable_s,
    }


if __name__ == "__main__":
    if sys.argv[1] == "import":
        result = measure_import(sys.argv[2])
    else:
        library, server, way, limit, limit_s = sys.argv[2:]
        result = measure_logging(library, server, way, int(limit), float(limit_s))
    print(json.dumps(result))
