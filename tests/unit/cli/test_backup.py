"""`millrace backup` and `restore`: whole, checked, and never onto something that is there."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.client import connect
from millrace.client.client import MillraceClient
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.run import RunChange
from millrace.stores.open import open_stores
from millrace.stores.protocols import Stores
from millrace.stores.sql import migrate
from tests import databases
from tests.contract import build

VALUES = [0.1, -0.0, float("nan"), float("inf"), 5e-324, 1e308]


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'place.db'}"
        return
    server = databases.server(request.param)
    name = server.create()
    yield server.uri(name)
    connect.close_all(10.0)
    server.drop(name)


def fill(stores: Stores) -> str:
    """A run with all that is hard to keep, and one that is gone."""
    store = stores.tracking
    gone = build.add_run(store)
    run = build.add_run(store, tags={"note": "\N{SNOWMAN} 中文 'quotes' \\ \n \U0001f600"})
    points = [build.point(v, step=s, timestamp=2**40 + s) for s, v in enumerate(VALUES)]
    store.append(
        run,
        build.batch(*points, params={"p": ""}, datasets=(build.dataset_input(),)),
    ).result()
    model = build.add_model(store, params={"a": "1"})
    build.log(store, run, build.point(2.0, key="of model", model_id=model))
    dataset = build.new_dataset(experiment_ids=("0",))
    stores.evaluation.add_dataset(dataset).result()
    stores.evaluation.upsert_records(
        dataset.dataset_id, [build.new_record(dataset.dataset_id)]
    ).result()
    last = build.add_experiment(store)
    store.change_run(gone, RunChange(lifecycle_stage="deleted", deleted_ms=1)).result()
    for kind, id_ in (("run", gone),):
        stores.trash.begin_purge(kind, id_, at_ms=2).result()  # type: ignore[arg-type]
        stores.trash.purge(kind, id_, limit=100).result()  # type: ignore[arg-type]
    assert last != "0"
    return run


def told(stores: Stores, run: str) -> Any:
    return (
        build.read(stores.tracking, run),
        build.history(stores.tracking, run),
        stores.secret(),
        stores.evaluation.find_datasets([], build.query()).items,
        stores.tracking.metric_summaries(run)[0].count,
    )


def with_stores(uri: str, work: Callable[[Stores], Any]) -> Any:
    stores = open_stores(uri)
    try:
        return work(stores)
    finally:
        stores.close()


def test_a_backup_moves_to_any_database(millrace, place: str, tmp_path: Path) -> None:
    """From SQLite to each kind, and back to SQLite: nothing is lost or changed."""
    first = f"sqlite:///{tmp_path / 'first.db'}"
    run = with_stores(first, fill)
    before = with_stores(first, lambda stores: told(stores, run))

    made = millrace("backup", first, str(tmp_path / "out")).stdout
    done = millrace("restore", str(tmp_path / "out"), place).stdout

    assert made.startswith("Copied ")
    assert done.splitlines()[-1] == "Looked them through: nothing is damaged."
    assert with_stores(place, lambda stores: told(stores, run)) == before
    back = f"sqlite:///{tmp_path / 'back.db'}"
    millrace("backup", place, str(tmp_path / "again"))
    millrace("restore", str(tmp_path / "again"), back)
    assert with_stores(back, lambda stores: told(stores, run)) == before
    assert tables(tmp_path / "out") == tables(tmp_path / "again")


def tables(folder: Path) -> dict[str, Any]:
    """Rows in any order; who wrote last is the database's own."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return {
        one["name"]: sorted(gzip.decompress((folder / one["file"]).read_bytes()).splitlines())
        for one in manifest["tables"]
    }


def test_ids_that_were_given_are_not_given_again(millrace, place: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"

    def made_and_removed(stores: Stores) -> str:
        made = [build.add_experiment(stores.tracking) for _ in range(3)]
        change = ExperimentChange(lifecycle_stage="deleted", last_update_time=1)
        stores.tracking.change_experiment(made[-1], change).result()
        stores.trash.begin_purge("experiment", made[-1], at_ms=1).result()
        stores.trash.purge("experiment", made[-1], limit=100).result()
        return made[-1]

    gone = with_stores(first, made_and_removed)
    millrace("backup", first, str(tmp_path / "out"))
    millrace("restore", str(tmp_path / "out"), place)

    fresh = with_stores(place, lambda stores: build.add_experiment(stores.tracking))

    assert int(fresh) == int(gone) + 1


def test_a_sqlite_file_is_copied_as_one(millrace, uri: str, client, tmp_path: Path) -> None:
    run = client.create_run("0").info.run_id
    copy = tmp_path / "copies" / "c.db"
    copy.parent.mkdir()

    millrace("backup", uri, str(copy))
    other = f"sqlite:///{tmp_path / 'other.db'}"
    said = millrace("restore", str(copy), other).stdout

    assert said.splitlines()[-1] == "Looked them through: nothing is damaged."
    assert MillraceClient(other).get_run(run).info.run_id == run
    assert [one.name for one in copy.parent.iterdir()] == ["c.db"]


def test_artifacts_come_along_when_asked(millrace, uri: str, client, tmp_path: Path) -> None:
    client.create_run("0")
    here, there = tmp_path / "here", tmp_path / "there"
    for path in ("0/a/artifacts/x.bin", "0/a/artifacts/deep/er/y.bin", "1/z.txt"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_bytes(path.encode() * 1_000)

    millrace(
        "backup", uri, str(tmp_path / "out"), "--artifacts", "--artifacts-destination", str(here)
    )
    target = f"sqlite:///{tmp_path / 'other.db'}"
    said = millrace(
        "restore", str(tmp_path / "out"), target, "--artifacts-destination", str(there)
    ).stdout

    assert "Restored 3 files." in said
    found = {str(one.relative_to(there)) for one in there.rglob("*") if one.is_file()}
    assert found == {"0/a/artifacts/x.bin", "0/a/artifacts/deep/er/y.bin", "1/z.txt"}
    assert (there / "1/z.txt").read_bytes() == b"1/z.txt" * 1_000


# --- what is refused -----------------------------------------------------------------------------


def test_nothing_is_overwritten(millrace, uri: str, client, tmp_path: Path) -> None:
    client.create_run("0")
    there = tmp_path / "there"
    there.mkdir()

    assert "exists already" in millrace("backup", uri, str(there), code=1).stderr

    millrace("backup", uri, str(tmp_path / "out"))
    full = millrace("restore", str(tmp_path / "out"), uri, code=1)
    assert "has records; nothing was written" in full.stderr
    assert len(list(client.search_runs(["0"]))) == 1


@pytest.mark.parametrize("harm", ["cut", "changed", "manifest", "version", "newer", "none"])
def test_a_damaged_backup_is_refused_before_anything_is_written(
    millrace, uri: str, client, tmp_path: Path, harm: str
) -> None:
    client.create_run("0")
    out = tmp_path / "out"
    millrace("backup", uri, str(out))
    runs, manifest = out / "runs.jsonl.gz", out / "manifest.json"
    match harm:
        case "cut":
            runs.write_bytes(runs.read_bytes()[:-9])
        case "changed":
            runs.write_bytes(gzip.compress(b"[]\n"))
        case "manifest":
            manifest.write_text("{")
        case "version":
            manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 9'))
        case "newer":
            held = json.loads(manifest.read_text())
            manifest.write_text(json.dumps(held | {"revision": "9999"}))
        case "none":
            manifest.unlink()
    target = tmp_path / "target.db"

    told = millrace("restore", str(out), f"sqlite:///{target}", code=1)

    assert told.stderr.startswith("Error: ")
    assert not target.exists()


def test_an_interrupted_backup_leaves_nothing_that_looks_like_one(
    millrace, uri: str, client, tmp_path: Path
) -> None:
    client.create_run("0")

    millrace(
        "backup", uri, str(tmp_path / "out"), "--artifacts", "--artifacts-destination", "s9://x/y",
        code=1,
    )  # fmt: skip

    assert not (tmp_path / "out").exists()
    assert list(tmp_path.glob(".out*")) == []


def test_an_older_dump_is_upgraded(millrace, uri: str, client, tmp_path: Path) -> None:
    """As a release before the trash made it: without the columns and tables that came since."""
    run = client.create_run("0").info.run_id
    out = tmp_path / "out"
    millrace("backup", uri, str(out))
    as_of_the_first_revision(out)

    target = f"sqlite:///{tmp_path / 'target.db'}"
    millrace("restore", str(out), target)

    assert MillraceClient(target).get_run(run).info.run_id == run


def as_of_the_first_revision(out: Path) -> None:
    shape = out.parent / "first.db"
    migrate.upgrade(f"sqlite:///{shape}", to="0001")
    with sqlite3.connect(shape) as connection:
        known = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    connection.close()
    manifest = json.loads((out / "manifest.json").read_text())
    kept = []
    for one in manifest["tables"]:
        if one["name"] not in known:
            continue
        places = [one["columns"].index(name) for name in known[one["name"]]]
        rows = gzip.decompress((out / one["file"]).read_bytes()).splitlines()
        cut = [json.dumps([json.loads(row)[place] for place in places]) for row in rows]
        data = gzip.compress("".join(f"{row}\n" for row in cut).encode())
        (out / one["file"]).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        kept.append(one | {"columns": known[one["name"]], "sha256": digest})
    changed = manifest | {"tables": kept, "revision": "0001"}
    (out / "manifest.json").write_text(json.dumps(changed))
