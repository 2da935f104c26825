"""Folders that others write to, that are damaged, full, or not what they seem."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millrace.core.entities.experiment import ExperimentChange
from millrace.core.errors import AlreadyExists, InvalidArgument, Unavailable
from millrace.stores.file import FileStores, folder_of
from millrace.stores.places import NotOpened
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    batch,
    dataset_input,
    history,
    latest,
    log,
    new_run,
    params_of,
    point,
    query,
    read,
    receipt,
    run_ids,
    search,
    tags_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mlruns"


def opened(folder: Path) -> FileStores:
    return FileStores(str(folder), default_artifact_root=folder.as_uri(), durable=False)


@pytest.fixture
def stores(folder: Path) -> Iterator[FileStores]:
    made = opened(folder)
    yield made
    made.close()


def settled(*paths: Path) -> None:
    """Let files be as old as files are that nobody writes to."""
    for path in paths:
        at_ns = time.time_ns() - 60_000_000_000
        os.utime(path, ns=(at_ns, at_ns))


# What is damaged, as R23 has it


DAMAGES = {
    "empty": lambda meta: meta.write_bytes(b""),
    "no YAML": lambda meta: meta.write_bytes(b"a: [\n"),
    "no mapping": lambda meta: meta.write_bytes(b"- a\n"),
    "no text": lambda meta: meta.write_bytes(b"\xff\xfe\0"),
    "lacks all": lambda meta: meta.write_bytes(b"a: b\n"),
    "a bomb": lambda meta: meta.write_bytes(b"a: &a [x]\n" + b"b: *a\n" * 99),
    "a folder": lambda meta: (meta.unlink(), meta.mkdir()),
    "of another": lambda meta: meta.write_text(meta.read_text().replace("_id: ", "_id: x")),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["experiment", "run", "model"])
def test_a_damaged_entry_is_reported_and_all_others_are_served(
    stores: FileStores, folder: Path, kind: str, damage: str
) -> None:
    store = stores.tracking
    experiment = add_experiment(store)
    runs, models = [add_run(store), add_run(store)], [add_model(store), add_model(store)]
    place = {
        "experiment": folder / experiment,
        "run": folder / "0" / runs[0],
        "model": folder / "0" / "models" / models[0],
    }[kind]

    DAMAGES[damage](place / "meta.yaml")

    left = sorted(one.experiment_id for one in store.find_experiments(query()).items)
    found = store.find_logged_models(["0"], query())
    assert left == (["0"] if kind == "experiment" else ["0", "1"])
    assert search(store, "0") == sorted(runs[1:] if kind == "run" else runs)
    assert sorted(one.model_id for one in found.items) == sorted(
        models[1:] if kind == "model" else models
    )
    assert [one.path for one in stores.damages()] == [str(place.relative_to(folder))]
    assert "1 damaged" in (stores.health().message or "")
    assert stores.health().ready


def test_a_mended_entry_is_served_again(stores: FileStores, folder: Path) -> None:
    run = add_run(stores.tracking)
    meta = folder / "0" / run / "meta.yaml"
    whole = meta.read_bytes()
    meta.write_bytes(b"")
    assert search(stores.tracking, "0") == []

    meta.write_bytes(whole)

    assert search(stores.tracking, "0") == [run]
    assert stores.damages() == []


def test_damage_is_logged_once(
    stores: FileStores, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = add_run(stores.tracking)
    (folder / "0" / run / "meta.yaml").write_bytes(b"")

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            search(stores.tracking, "0")

    assert len(caplog.records) == 1
    assert run in caplog.text


def test_foreign_entries_are_in_nobodys_way(stores: FileStores, folder: Path) -> None:
    run = add_run(stores.tracking)
    (folder / "notes.txt").write_text("x")
    (folder / "no id!").mkdir()
    (folder / "strange").mkdir()
    (folder / "0" / "plots").mkdir()
    (folder / "0" / run / "tags" / "bad").write_bytes(b"\xff")
    (folder / "0" / run / "params").joinpath(os.fsdecode(b"\xff\xfe")).write_text("x")
    settled(folder / "no id!", folder / "strange", folder / "0" / "plots")

    assert search(stores.tracking, "0") == [run]
    assert tags_of(stores.tracking, run) == {}
    assert len(stores.tracking.find_experiments(query()).items) == 1
    found = {one.path for one in stores.check()}
    assert found >= {"no id!", "strange", "0/plots", f"0/{run}/tags/bad"}
    assert len(found) == 5


@pytest.mark.parametrize(
    ("tail", "kept"),
    [(b"5 0.5 3", 1), (b"5 0.5", 0), (b"5", 0), (b"nonsense", 0), (b"5 0.5 3 \xff", 1)],
)
def test_a_last_line_without_its_end_is_tolerated(
    stores: FileStores, folder: Path, tail: bytes, kept: int
) -> None:
    """It counts when it has all its numbers; else it is reported, and gone with the next point."""
    run = add_run(stores.tracking)
    log(stores.tracking, run, point(1, 1, 1))
    file = folder / "0" / run / "metrics" / "m"
    with file.open("ab") as out:
        out.write(tail)

    assert len(history(stores.tracking, run)) == 1 + kept
    assert len(stores.check()) == 1 - kept
    log(stores.tracking, run, point(2, 9, 9))

    assert len(history(stores.tracking, run)) == 2 + kept
    assert file.read_bytes().endswith(b"\n9 2.0 9\n")
    assert stores.check() == []


def test_lines_of_the_oldest_versions_have_no_step(stores: FileStores, folder: Path) -> None:
    run = add_run(stores.tracking)
    (folder / "0" / run / "metrics" / "old").write_text("5 0.5\n6 nan\n")

    assert history(stores.tracking, run, "old") == [
        (0, 5, "3fe0000000000000"), (0, 6, "nan"),
    ]  # fmt: skip


# Changes by others are seen by the next call


def test_a_value_changed_in_place_within_a_tick_is_seen(stores: FileStores, folder: Path) -> None:
    """The same size, and on coarse clocks the same time."""
    run = add_run(stores.tracking, tags={"t": "0"})
    file = folder / "0" / run / "tags" / "t"

    for number in range(10):
        file.write_text(str(number))
        assert search(stores.tracking, "0", f"tags.t = '{number}'") == [run]


def test_what_comes_and_goes_in_the_folder_is_seen(stores: FileStores, folder: Path) -> None:
    store = stores.tracking
    run = add_run(store, tags={"t": "1"})
    log(store, run, point(1, 1))
    home = folder / "0" / run
    assert search(store, "0", "metrics.m = 1") == [run]
    settled(*home.rglob("*"), home)
    assert search(store, "0", "metrics.m = 1") == [run]

    with (home / "metrics" / "m").open("a") as out:
        out.write("5 2.5 7\n")
    (home / "params" / "new").write_text("x")
    (home / "tags" / "t").unlink()
    shutil.copytree(home, folder / "0" / ("a" * 32))
    meta = folder / "0" / ("a" * 32) / "meta.yaml"
    meta.write_text(meta.read_text().replace(run, "a" * 32))

    assert search(store, "0", "metrics.m = 2.5 AND params.new = 'x' AND tags.t IS NULL") == sorted(
        [run, "a" * 32]
    )
    shutil.rmtree(home)
    assert search(store, "0") == ["a" * 32]
    assert store.run(run) is None


def test_what_one_process_remembers_another_compares_with_the_files(folder: Path) -> None:
    first = opened(folder)
    runs = [add_run(first.tracking, tags={"t": "1"}, start_time=n) for n in range(210)]
    for run in runs[:3]:
        log(first.tracking, run, point(1, 1))
        first.tracking.append(run, batch(params={"p": "1"}, datasets=(dataset_input(),))).result()
    settled(*(folder / "0").rglob("*"))
    first.close()
    first = opened(folder)
    before = search(first.tracking, "0", "tags.t = '1'")
    whole = [repr(read(first.tracking, run)) for run in runs[:5]]
    first.close()
    assert list(folder.glob(".millrace.memory.*"))
    (folder / "0" / runs[9] / "tags" / "t").write_text("2")
    (folder / "0" / runs[8] / "params" / "p").write_text("new")
    with (folder / "0" / runs[0] / "metrics" / "m").open("a") as out:
        out.write("5 2.5 7\n")

    second = opened(folder)

    assert search(second.tracking, "0", "tags.t = '1'") == [one for one in before if one != runs[9]]
    assert [repr(read(second.tracking, run)) for run in runs[1:5]] == whole[1:]
    assert latest(second.tracking, runs[0])[0] == 7
    assert params_of(second.tracking, runs[8]) == {"p": "new"}
    second.tracking.append(runs[1], batch(tags={"t": "3"})).result()
    second.tracking.append(runs[1], batch(delete_tags=("t",))).result()
    assert tags_of(second.tracking, runs[1]) == {}
    second.close()


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x92\x01\x80", b"\x92\x09\x80"])
def test_a_memory_that_is_damaged_costs_nothing_but_time(folder: Path, content: bytes) -> None:
    first = opened(folder)
    run = add_run(first.tracking)
    first.close()
    (folder / ".millrace.memory.0").write_bytes(content)

    second = opened(folder)

    assert search(second.tracking, "0") == [run]
    second.close()


def test_a_memory_with_another_byte_is_not_believed(folder: Path) -> None:
    """Wherever it is: nothing wrong is shown, and nothing fails."""
    first = opened(folder)
    runs = [add_run(first.tracking, tags={"t": "1"}, start_time=n) for n in range(210)]
    for run in runs[:3]:
        log(first.tracking, run, point(1, 1))
    settled(*(folder / "0").rglob("*"))
    first.close()
    first = opened(folder)
    before = [bytes(one) for one in first.tracking.find_runs(["0"], query()).items]
    first.close()
    memory = folder / ".millrace.memory.0"
    whole = memory.read_bytes()

    for place in range(0, len(whole), len(whole) // 40):
        memory.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        again = opened(folder)
        assert [bytes(one) for one in again.tracking.find_runs(["0"], query()).items] == before
        assert sorted(search(again.tracking, "0", "metrics.m = 1")) == sorted(runs[:3])
        again.close()


# A search looks at what it is about, and sees all of that


def append(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as out:
        out.write(text)


def replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "metric in place": (lambda home: append(home / "metrics/m", "5 2.5 7\n"), "metrics.m = 2.5"),
    "metric, new": (lambda home: append(home / "metrics/n", "5 2.5 7\n"), "metrics.n = 2.5"),
    "metric, nested": (lambda home: append(home / "metrics/d/n", "5 1 7\n"), "metrics.`d/n` = 1"),
    "metric beside a nested one": (
        lambda home: append(home / "metrics/deep/n", "5 1 7\n"),
        "metrics.`deep/n` = 1",
    ),
    "metric by its aggregate": (
        lambda home: append(home / "metrics/m", "5 2.5 7\n"),
        "metrics.m.max = 2.5",
    ),
    "metric with an odd key": (
        lambda home: [append(one, "5 9 7\n") for one in home.glob(".millrace/metrics/*[!y]")],
        "metrics.`../m` = 9",
    ),
    "metrics gone": (lambda home: shutil.rmtree(home / "metrics"), "metrics.m IS NULL"),
    "param in place": (lambda home: (home / "params/p").write_text("2"), "params.p = '2'"),
    "param, new": (lambda home: append(home / "params/q", "2"), "params.q = '2'"),
    "param, gone": (lambda home: (home / "params/p").unlink(), "params.p IS NULL"),
    "tag in place": (lambda home: (home / "tags/t").write_text("22"), "tags.t = '22'"),
    "tag, new": (lambda home: append(home / "tags/u", "2"), "tags.u = '2'"),
    "tag, gone": (lambda home: (home / "tags/t").unlink(), "tags.t IS NULL"),
    "tag folder, new": (
        lambda home: (
            shutil.rmtree(home / "tags"),
            append(home / "tags/v", "2"),
        ),
        "tags.v = '2' AND tags.t IS NULL",
    ),
    "status": (
        lambda home: replace(home / "meta.yaml", "status: 1", "status: 3"),
        "status = 'FINISHED'",
    ),
    "name that only a tag has": (
        lambda home: append(home / "tags/mlflow.runName", "ada"),
        "run_name = 'ada'",
    ),
    "data set gone": (lambda home: shutil.rmtree(home / "inputs"), "dataset.name LIKE '%'"),
}


def add_whole_run(stores: FileStores, folder: Path) -> str:
    """A run with something of everything, and a name that is nowhere."""
    run = add_run(stores.tracking, tags={"t": "1"})
    points = [point(1, 1, key=key) for key in ("m", "deep/m", "../m")]
    wanted = batch(*points, params={"p": "1"}, datasets=(dataset_input(),))
    stores.tracking.append(run, wanted).result()
    home = folder / "0" / run
    (home / "tags" / "mlflow.runName").unlink(missing_ok=True)
    meta = home / "meta.yaml"
    lines = meta.read_text().splitlines()
    meta.write_text("\n".join(line for line in lines if not line.startswith("run_name")) + "\n")
    return run


def shown(stores: FileStores, text: str) -> list[bytes]:
    return [bytes(one) for one in stores.tracking.find_runs(["0"], query(text)).items]


@pytest.mark.parametrize("change", CHANGES)
def test_a_search_sees_a_change_of_what_it_is_about(
    stores: FileStores, folder: Path, change: str
) -> None:
    """And shows all of the run as it is now."""
    make, text = CHANGES[change]
    changed, other = add_whole_run(stores, folder), add_whole_run(stores, folder)
    settled(*(folder / "0").rglob("*"))
    assert len(search(stores.tracking, "0")) == 2
    before = search(stores.tracking, "0", text)

    make(folder / "0" / changed)

    found = search(stores.tracking, "0", text)
    assert (other in found) == (other in before)
    assert (changed in found) != (changed in before)
    fresh = opened(folder)
    assert shown(stores, text) == shown(fresh, text)
    fresh.close()


def test_a_search_sees_changes_of_runs_that_are_remembered(folder: Path) -> None:
    first = opened(folder)
    runs = {change: add_whole_run(first, folder) for change in CHANGES}
    others = [add_run(first.tracking, tags={"t": "1"}) for _ in range(200)]
    settled(*(folder / "0").rglob("*"))
    assert len(search(first.tracking, "0")) == len(runs) + len(others)
    first.close()
    before = opened(folder)
    unchanged = {change: set(search(before.tracking, "0", CHANGES[change][1])) for change in runs}
    before.close()

    for change, (make, _) in CHANGES.items():
        make(folder / "0" / runs[change])

    for change, (_, text) in CHANGES.items():
        again = opened(folder)
        found = set(search(again.tracking, "0", text))
        assert (runs[change] in found) != (runs[change] in unchanged[change]), change
        again.close()


# Paths


@pytest.mark.parametrize("bad", ["..", "../0", "a/b", "", ".", "tags", "x\0", ".trash", "é"])
def test_no_id_leads_out_of_its_folder(stores: FileStores, folder: Path, bad: str) -> None:
    store = stores.tracking
    assert store.run(bad) is None
    assert store.experiment(bad) is None
    assert store.logged_model(bad) is None
    assert run_ids(store.find_runs([bad], query()).items) == []
    if bad:
        with pytest.raises(InvalidArgument):
            store.add_run(new_run("0", run_id=bad)).result()
    assert {one.name for one in folder.parent.iterdir()} == {"mlruns"}


KEYS = ["..", "../../x", "/etc/x", "a//b", ".", "a/", "x" * 300, "é" * 200, "a/../b", ""]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_kept_inside(stores: FileStores, folder: Path, key: str) -> None:
    """Where it names no file, it has one of our naming, and comes back all the same."""
    run = add_run(stores.tracking)

    stores.tracking.append(
        run, batch(point(1.5, key=key), params={key: "1"}, tags={key: "2"})
    ).result()

    found = read(stores.tracking, run).data
    assert (found.metrics, found.params, found.tags) == ({key: 1.5}, {key: "1"}, {key: "2"})
    stores.tracking.append(run, batch(delete_tags=(key,))).result()
    assert tags_of(stores.tracking, run) == {}
    assert {one.name for one in folder.parent.iterdir()} == {"mlruns"}
    again = opened(folder)
    assert params_of(again.tracking, run) == {key: "1"}
    again.close()


def test_keys_that_are_in_each_others_way_are_both_kept(stores: FileStores) -> None:
    run = add_run(stores.tracking)
    stores.tracking.append(run, batch(tags={"a": "1", "a/b": "2", "c/d": "3"})).result()
    stores.tracking.append(run, batch(tags={"c": "4", "a/b/c": "5", "a": "6"})).result()

    assert tags_of(stores.tracking, run) == {
        "a": "6", "a/b": "2", "c/d": "3", "c": "4", "a/b/c": "5",
    }  # fmt: skip


def test_links_that_lead_out_are_not_written_through(
    stores: FileStores, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run = add_run(stores.tracking, tags={"t": "1"})
    shutil.rmtree(folder / "0" / run / "params")
    (folder / "0" / run / "params").symlink_to(outside)
    (outside / "secret").write_text("s")
    (folder / "0" / run / "tags" / "leak").symlink_to(outside / "secret")

    with pytest.raises(InvalidArgument, match="outside"):
        stores.tracking.append(run, batch(params={"p": "1"})).result()

    assert [one.name for one in outside.iterdir()] == ["secret"]
    assert tags_of(stores.tracking, run) == {"t": "1"}
    assert params_of(stores.tracking, run) == {}
    stores.tracking.append(run, batch(tags={"leak": "2"})).result()
    assert (outside / "secret").read_text() == "s"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b", "/a/b"), ("file:/a", "/a"), ("file:rel/x", "rel/x"), ("/x", "/x"),
        ("file://localhost/a%20b", "/a b"), ("./mlruns", "./mlruns"),
    ],
)  # fmt: skip
def test_a_folder_by_uri(uri: str, path: str) -> None:
    assert folder_of(uri) == path


@pytest.mark.parametrize("uri", ["file://host/a", "file:///a?x=1", "file:///a#b"])
def test_a_uri_that_names_no_folder_here(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        folder_of(uri)


def test_a_file_is_no_folder_of_records(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")

    with pytest.raises(NotOpened, match="can be no folder"):
        opened(tmp_path / "x")


# Faults (R1 to R3)


WRITER = """
import sys
from millrace.stores.file import FileStores
from tests.contract.build import *
stores = FileStores(sys.argv[1], default_artifact_root="s3://b", durable=False)
print("ready", flush=True)
for number in range(10**6):
    tags = {f"t{place}": str(number) for place in range(6)}
    metrics = [point(number, number, key=f"m{place}") for place in range(4)]
    wanted = batch(*metrics, tags=tags)
    stores.tracking.append(sys.argv[2], wanted, trail=receipt(str(number))).result()
    print(number, flush=True)
"""


@pytest.mark.parametrize("turn", range(6))
def test_a_killed_writer_leaves_each_batch_wholly_or_not(folder: Path, turn: int) -> None:
    """R1: and what it was told is there. Nothing is mended by hand."""
    stores = opened(folder)
    run = add_run(stores.tracking)
    told = -1
    command = [sys.executable, "-c", WRITER, str(folder), run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            told = int(line) if line.strip().isdigit() else told
            if told == 3 + turn * 7:
                child.send_signal(signal.SIGKILL)

    after = opened(folder)  # takes the lock, and with it what is unfinished
    found = read(after.tracking, run).data

    (number,) = {int(value) for value in found.tags.values()}
    assert number in {told, told + 1}
    assert set(found.metrics.values()) == {number}
    assert [len(history(after.tracking, run, f"m{place}")) for place in range(4)] == [
        number + 1
    ] * 4
    assert not list(folder.glob(".millrace.spare*"))
    assert after.check() == []
    again = after.tracking.append(run, batch(point(-1)), trail=receipt(str(told))).result()
    assert again.new_points == 4  # the first answer: it was there, too
    after.close()
    stores.close()


def test_a_full_disk_is_an_answer_and_no_damage(folder: Path) -> None:
    """R2, R3: a file that cannot grow refuses; reads go on, and so do writes when there is room."""
    stores = opened(folder)
    run = add_run(stores.tracking, tags={"t": "old"})
    log(stores.tracking, run, point(1, 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        for refused in (
            batch(tags={"t": "x" * 5_000, "u": "1"}),
            batch(*(point(n, n) for n in range(500))),
            batch(params={"p": "x" * 5_000}),
        ):
            with pytest.raises(Unavailable):
                stores.tracking.append(run, refused).result()
            assert tags_of(stores.tracking, run) == {"t": "old"}
            assert len(history(stores.tracking, run)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    stores.tracking.append(run, batch(point(2, 2), tags={"t": "new"})).result()

    assert tags_of(stores.tracking, run) == {"t": "new"}
    assert len(history(stores.tracking, run)) == 2
    assert stores.check() == []
    stores.close()
    assert not list(folder.glob(".millrace.spare*"))


def test_a_place_that_waits_for_the_disk_keeps_the_same(folder: Path) -> None:
    stores = FileStores(str(folder), default_artifact_root="s3://b", durable=True)
    run = add_run(stores.tracking, tags={"t": "1"})
    stores.tracking.append(run, batch(point(1), params={"a/b": "2"}), trail=receipt()).result()
    stores.close()

    again = opened(folder)

    assert read(again.tracking, run).data.metrics == {"m": 1}
    assert params_of(again.tracking, run) == {"a/b": "2"}
    again.close()


def test_an_experiment_in_the_trash_is_a_folder_there(stores: FileStores, folder: Path) -> None:
    experiment = add_experiment(stores.tracking)
    run = add_run(stores.tracking, experiment)

    deleted = ExperimentChange(lifecycle_stage="deleted", last_update_time=5)
    stores.tracking.change_experiment(experiment, deleted).result()

    assert (folder / ".trash" / experiment / run / "meta.yaml").exists()
    assert not (folder / experiment).exists()


# How much is looked at


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The paths that this process asks the system about."""
    seen: list[object] = []
    real = os.stat

    def counting(path: object, *args: object, **more: object) -> os.stat_result:
        seen.append(path)
        return real(path, *args, **more)  # type: ignore[arg-type, no-any-return, call-overload]

    monkeypatch.setattr(os, "stat", counting)
    return seen


def test_a_new_run_looks_into_its_own_experiment_only(
    stores: FileStores, looks: list[object]
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(20):
            home = add_experiment(stores.tracking)
        run = new_run(home)
        looks.clear()
        stores.tracking.add_run(run, is_drawn=True).result()
        counts.append(len(looks))
        with pytest.raises(AlreadyExists):
            stores.tracking.add_run(run, is_drawn=True).result()

    assert counts[0] == counts[1] < 20


def test_a_given_id_is_looked_for_in_each_experiment_once(
    folder: Path, stores: FileStores, looks: list[object]
) -> None:
    """Also those of runs that another process made beside us since."""
    homes = [add_experiment(stores.tracking) for _ in range(40)]
    add_run(stores.tracking, homes[0])
    looks.clear()
    add_run(stores.tracking, homes[0])
    assert len(looks) < 2 * len(homes)

    beside = opened(folder)
    run = new_run(homes[-1])
    beside.tracking.add_run(run, is_drawn=True).result()
    beside.close()

    assert read(stores.tracking, run.info.run_id).info.experiment_id == homes[-1]
    with pytest.raises(AlreadyExists):
        add_run(stores.tracking, homes[1], run_id=run.info.run_id)
