"""How long it takes to verify a long audit trail: in a database, and as an export.

    python -m benchmarks.audit_chain [--entries 1000000] [--folder FOLDER]

The trail is written by the store, entry by entry as changes of runs write them, with a signed head
every 10,000. Then the command verifies it in a process of its own, as people do; the time is from
its start to its end. With --folder what is there is used again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SIGN_EVERY = 10_000
_WAITING = 5_000


def fill(folder: Path, entries: int) -> None:
    """Write a trail of so many entries."""
    from millrace.core.entities.audit import Act, Trail  # noqa: PLC0415 - measuring needs it not
    from millrace.services.platform import open_platform  # noqa: PLC0415

    platform = open_platform(_uri(folder))
    pending = []
    for number in range(1, entries + 1):
        act = Act(
            action="run.update",
            actor=f"user-{number % 40}",
            verified=False,
            request_id=f"{number:020x}",
            address="192.0.2.7",
            at_ms=1_700_000_000_000 + number * 37,
        )
        before = {"status": "RUNNING", "run_name": f"swift-otter-{number % 1000}"}
        after = before | {"status": "FINISHED", "end_time": act.at_ms}
        note = platform.stores.audit.note
        pending.append(note(Trail(act=act), "run", f"{number:032x}", before=before, after=after))
        if number % _SIGN_EVERY == 0 or len(pending) > _WAITING:
            for one in pending:
                one.result()
            pending.clear()
            if number % _SIGN_EVERY == 0:
                platform.audit.sign(act.at_ms, at_once=True)
    for one in pending:
        one.result()
    platform.close()


def _uri(folder: Path) -> str:
    return f"sqlite:///{folder / 'trail.db'}"


def _timed(*words: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "millrace", "audit", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began, done.stdout.strip()


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="trail-") as name:
        yield Path(name)


def main() -> None:
    """Fill, export, verify both; say how long each took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_chain", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with _folder(options.folder) as folder:
        store, export = ["--backend-store-uri", _uri(folder)], folder / "trail.jsonl"
        if not (folder / "trail.db").exists():
            fill(folder, options.entries)
        spent_s, _ = _timed("export", "-o", str(export), *store)
        print(f"export: {spent_s:.1f} s, {export.stat().st_size / 1e6:.0f} MB", flush=True)
        for what, words in (("database", store), ("export", [str(export)])):
            spent_s, said = _timed("verify", *words)
            print(f"verify the {what}: {spent_s:.1f} s: {said}", flush=True)


if __name__ == "__main__":
    main()
