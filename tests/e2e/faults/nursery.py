"""Forks servers out of a process that has everything imported: a start takes a tenth of the time.

Reads one JSON object a line: `options` of the server, the `log` file it writes to. Answers with its
process id, which is also that of its group. When the input ends, all groups are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import sqlalchemy.dialects.sqlite  # noqa: F401 - loaded by name when a database is opened

import millrace.stores.open
import millrace.stores.sql.store  # noqa: F401 - loaded late, for a SQL database only
from millrace.core.errors import MillraceError
from millrace.server.config import ServerConfig
from millrace.server.run import serve

_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Serve until the input ends."""
    # Whoever loses its parent becomes our child, and is forgotten as soon as it has ended.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    groups = []
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _be_server(order)
        with contextlib.suppress(OSError):  # the child does it, too; whoever is first
            os.setpgid(pid, pid)
        groups.append(pid)
        print(pid, flush=True)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _be_server(order: dict[str, object]) -> NoReturn:
    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for taken, own in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(taken, own)
        os.chdir(Path(str(order["log"])).parent)  # keys are kept where it runs
        serve(ServerConfig(**order["options"]))  # type: ignore[arg-type]
        code = 0
    except MillraceError as error:
        sys.stderr.write(f"Error: {error.message}\n")
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
