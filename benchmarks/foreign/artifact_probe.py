"""Measures a client library from inside: how long a training script waits for its files.

python artifact_probe.py MODULE TRACKING_URI FOLDER FILES SMALL_BYTES LARGE_MIB ROUNDS

Logs a folder of small files and one large file, lists the folder, and downloads both; the best of
ROUNDS, each with a run and files of its own. What came back is compared afterwards. Prints one JSON
object. Runs in the library's own environment: standard library only.
"""

from __future__ import annotations

import filecmp
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")
MIB = 1 << 20
Listing = Callable[[str, str], list[object]]


def files_in(folder: Path, count: int, small: int, large: int) -> None:
    """A folder `many` of small files, and a file `large`."""
    (folder / "many").mkdir(parents=True)
    for number in range(count):
        (folder / "many" / f"{number:04}.bin").write_bytes(os.urandom(small))
    with (folder / "large").open("wb") as file:
        for _ in range(large):
            file.write(os.urandom(MIB))
    os.sync()


def measure(library: ModuleType, listing: Listing, folder: Path, count: int) -> dict[str, float]:
    """Seconds for each thing that is done with the files in *folder*."""
    spent: dict[str, float] = {}

    def timed(what: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        spent[what] = time.perf_counter() - began
        return result

    with library.start_run() as run:
        run_id = run.info.run_id
        library.log_text("so that all is imported and connected", "begun.txt")
        timed("many_up_s", lambda: library.log_artifacts(str(folder / "many"), "many"))
        timed("large_up_s", lambda: library.log_artifact(str(folder / "large")))
    listed = timed("list_s", lambda: listing(run_id, "many"))
    if len(listed) != count:
        raise SystemExit(f"{len(listed)} files are listed of {count}")
    fetched = folder / "fetched"
    fetched.mkdir()
    fetch = library.artifacts.download_artifacts
    for name in ("many", "large"):
        timed(
            f"{name}_down_s",
            lambda name=name: fetch(run_id=run_id, artifact_path=name, dst_path=str(fetched)),
        )
    wanted = [f"many/{each.name}" for each in (folder / "many").iterdir()] + ["large"]
    _, wrong, missing = filecmp.cmpfiles(folder, fetched, wanted, shallow=False)
    if wrong or missing:
        raise SystemExit(f"not what was logged: {[*wrong, *missing][:5]}")
    return spent


def main(name: str, uri: str, where: Path, sizes: tuple[int, int, int], rounds: int) -> None:
    """All rounds, each in a folder that is gone afterwards."""
    library = importlib.import_module(name)
    library.set_tracking_uri(uri)
    library.set_experiment("files")
    clients = importlib.import_module(f"{name}.client")
    client = (getattr(clients, "MlflowClient", None) or clients.MillraceClient)(uri)
    found = []
    for number in range(rounds):
        folder = where / f"{name}-{number}"
        files_in(folder, *sizes)
        found.append(measure(library, client.list_artifacts, folder, sizes[0]))
        shutil.rmtree(folder)
    print(json.dumps({key: min(each[key] for each in found) for key in found[0]}))


if __name__ == "__main__":
    package, server, parent, files, small_bytes, large_mib, times = sys.argv[1:]
    wanted_sizes = (int(files), int(small_bytes), int(large_mib))
    main(package, server, Path(parent), wanted_sizes, int(times))
