"""Importing Millrace costs next to nothing: in modules exactly, in time loosely."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import clean_environment

SOURCE = Path(__file__).resolve().parents[2] / "src"

HEAVY = {
    "aiohttp",
    "alembic",
    "asyncio",
    "click",
    "httptools",
    "httpx",
    "multiprocessing",
    "PIL",
    "matplotlib",
    "numpy",
    "obstore",
    "pandas",
    "plotly",
    "pyarrow",
    "pynvml",
    "requests",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "starlette",
    "urllib3",
    "uvicorn",
    "uvloop",
    "yaml",
}

PROBE = """
import json, sys, time
before = set(sys.modules)
cpu, wall = time.process_time(), time.perf_counter()
{script}
seconds = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps([sorted(set(sys.modules) - before), *seconds]))
"""


def probe(script: str) -> tuple[set[str], float, float]:
    """Modules that *script* loads in a fresh interpreter, its CPU and its wall time in seconds."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(script=script)],
        env=clean_environment(PYTHONPATH=str(SOURCE)),
        capture_output=True,
        check=True,
        text=True,
    )
    modules, cpu_s, wall_s = json.loads(done.stdout)
    return set(modules), cpu_s, wall_s


def test_importing_loads_the_doors_and_nothing_else_of_ours():
    modules, *_ = probe("import millrace")

    assert {name for name in modules if name.startswith("millrace")} == {
        "millrace",
        "millrace._doors",
    }
    assert modules.isdisjoint(HEAVY)


def test_importing_takes_less_than_100_ms():
    """The best of five: other work on the machine only ever adds."""
    best = min(probe("import millrace")[1] for _ in range(5))

    assert best < 0.1


@pytest.mark.parametrize(
    "script",
    [
        "import millrace; millrace.log_metric",
        "import millrace; millrace.MillraceClient",
        "import millrace; millrace.entities.Metric",
        "import millrace.data",
        "import millrace; millrace.log_artifact",
        "import millrace.artifacts; millrace.artifacts.download_artifacts",
    ],
)
def test_using_a_name_loads_nothing_heavy(script: str):
    """A script on a server needs no database, one on a database no TLS."""
    modules, *_ = probe(script)

    assert modules.isdisjoint(HEAVY - {"socket"})


def test_a_client_of_a_server_loads_no_store(tmp_path: Path):
    modules, *_ = probe("import millrace; millrace.MillraceClient('http://127.0.0.1:9')")

    assert "urllib3" in modules
    assert not {name for name in modules if name.startswith(("millrace.stores", "sqlalchemy"))}


def test_offline_loads_neither():
    script = "import os; os.environ['MILLRACE_OFFLINE'] = '1'; import millrace; "
    modules, *_ = probe(script + "millrace.MillraceClient('http://127.0.0.1:9')")

    assert modules.isdisjoint(HEAVY - {"socket"})
