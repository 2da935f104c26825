"""Emptying the trash: nothing is left, nothing live goes, and it may stop anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millrace.api.trash import Removal
from millrace.artifacts.open import open_artifacts
from millrace.core.entities.access import SYSTEM
from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.registry import NewVersion, RegisteredModel
from millrace.core.entities.run import RunChange
from millrace.core.entities.trash import TrashItem
from millrace.core.errors import InvalidArgument, Unavailable
from millrace.services.context import Context
from millrace.services.needs import Versions, needed
from millrace.services.places import Places
from millrace.services.retention import Retention, Selection
from millrace.stores.open import open_stores
from millrace.stores.protocols import Stores
from tests.contract import build
from tests.contract.conftest import OPENERS, give_back, lent

NOW = 1_000_000
CONTEXT = Context(actor=SYSTEM, at_ms=NOW)
EVERYTHING = Selection()


class Interrupted(Exception):
    """Somebody pulled the plug."""


class Plug:
    """Pulled at the call of that number; 0: never. Counts those that could change something."""

    CHANGES = frozenset({"date", "begin_purge", "purge", "delete", "forget"})

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.calls = 0

    def around(self, held: Any) -> Any:
        return _Pluggable(held, self)


class _Pluggable:
    """Everything of *held*; the plug may be pulled before or after a change."""

    def __init__(self, held: Any, plug: Plug) -> None:
        self._held = held
        self._plug = plug

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._held, name)
        if name not in Plug.CHANGES:
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._count()
            result = found(*args, **more)
            if hasattr(result, "result"):
                result.result()
            self._count()
            return result

        return call

    def _count(self) -> None:
        self._plug.calls += 1
        if self._plug.calls == self._plug.at:
            raise Interrupted


class Place:
    """Records and artifacts of one test; *plug* interrupts."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.root = folder / "artifacts"
        self.root.mkdir(parents=True)
        uris = {
            "memory": "memory:",
            "sqlite": f"sqlite:///{folder / 'r.db'}",
            "file": str(folder / "mlruns"),
        }
        uri = uris[kind] if kind in uris else lent(kind, folder)
        self.stores = open_stores(uri, default_artifact_root=str(self.root))
        self.places = Places(open_artifacts, trusting=True)

    def retention(self, plug: Plug | None = None, **more: Any) -> Retention:
        if plug is None:
            return Retention(self.stores, self.places, **more)
        places = Places(lambda uri: plug.around(open_artifacts(uri)), trusting=True)
        return Retention(_Plugged(self.stores, plug), places, **more)  # type: ignore[arg-type]

    def empty(self, selection: Selection = EVERYTHING, **more: Any) -> list[Removal]:
        dry_run = more.pop("dry_run", False)
        return list(self.retention(**more).removals(CONTEXT, selection, dry_run=dry_run))

    def experiment(self) -> str:
        return build.add_experiment(self.stores.tracking, artifact_root=str(self.root))

    def run(self, experiment: str = "0", *, files: int = 2, **fields: Any) -> str:
        run = build.add_run(self.stores.tracking, experiment, **fields)
        build.log(self.stores.tracking, run, build.point(1.0), build.point(2.0, step=1))
        uri = build.read(self.stores.tracking, run).info.artifact_uri
        self.write(uri, files)
        return run

    def write(self, uri: str, files: int) -> None:
        for number in range(files):
            path = Path(uri) / ("model" if number else "") / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 10)
            record = ArtifactRecord(uri=str(path), size=10, sha256="0" * 64, recorded_ms=1)
            self.stores.artifacts.settle(record, token=None).result()

    def model(self, experiment: str = "0") -> str:
        model = build.add_model(self.stores.tracking, experiment)
        held = self.stores.tracking.logged_model(model)
        assert held is not None
        self.write(held.info.artifact_uri, 1)
        return model

    def delete(self, *runs: str, at_ms: int | None = 100) -> None:
        for run in runs:
            change = RunChange(lifecycle_stage="deleted", deleted_ms=at_ms)
            self.stores.tracking.change_run(run, change).result()

    def delete_experiment(self, experiment: str, at_ms: int = 100) -> None:
        change = ExperimentChange(lifecycle_stage="deleted", last_update_time=at_ms)
        self.stores.tracking.change_experiment(experiment, change).result()

    def delete_model(self, model: str) -> None:
        change = LoggedModelChange(deleted=True, deleted_ms=100)
        self.stores.tracking.change_logged_model(model, change).result()

    def files(self) -> list[str]:
        return sorted(
            str((Path(folder) / name).relative_to(self.root))
            for folder, _, names in os.walk(self.root)
            for name in names
            if "/." not in folder  # what is being deleted, unseen
        )

    def records(self) -> list[str]:
        return [one.uri for one in self.stores.artifacts.below(str(self.root))]


class _Plugged:
    def __init__(self, held: Stores, plug: Plug) -> None:
        self.trash = plug.around(held.trash)
        self.artifacts = plug.around(held.artifacts)
        self.registry = held.registry


@pytest.fixture(params=OPENERS)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    for kind in ("SQLITE", "FILE_STORE"):  # no power cut is tested here
        monkeypatch.setenv(f"MILLRACE_{kind}_SYNCHRONOUS", "NORMAL")
    made = Place(tmp_path, request.param)
    yield made
    made.places.close()
    made.stores.close()
    give_back(tmp_path)


def outcomes(removals: list[Removal]) -> dict[str, str]:
    return {one.id: one.outcome for one in removals}


def test_runs_go_with_their_artifacts(place: Place) -> None:
    gone, kept = place.run(), place.run()
    place.delete(gone)

    (told,) = place.empty()

    assert (told.id, told.outcome, told.points, told.files, told.bytes) == (
        gone, "removed", 2, 2, 20,
    )  # fmt: skip
    assert place.stores.tracking.run(gone) is None
    assert place.files() == [f"0/{kept}/artifacts/0.bin", f"0/{kept}/artifacts/model/1.bin"]
    assert len(place.records()) == 2
    assert not (place.root / "0" / gone).exists()
    assert place.empty() == []


def test_an_experiment_goes_with_all_that_is_in_it(place: Place) -> None:
    experiment = build.add_experiment(
        place.stores.tracking, artifact_location=str(place.root / "mine")
    )
    inside = [place.run(experiment), place.model(experiment), place.run(experiment, files=0)]
    kept = place.run()
    (place.root / "mine" / "README").write_text("not ours")
    place.delete_experiment(experiment)

    told = place.empty()

    assert outcomes(told) == dict.fromkeys([*inside, experiment], "removed")
    assert told[-1].id == experiment
    assert place.stores.tracking.experiment(experiment) is None
    # The experiment's own place is never deleted, nor what others put there.
    assert place.files() == [
        f"0/{kept}/artifacts/0.bin",
        f"0/{kept}/artifacts/model/1.bin",
        "mine/README",
    ]


def test_a_dry_run_tells_the_very_same_and_changes_nothing(place: Place) -> None:
    experiment = place.experiment()
    place.run(experiment)
    place.model(experiment)
    place.delete_experiment(experiment)
    place.delete(place.run(), place.run(artifact_uri=str(place.root / "elsewhere")))
    place.delete_model(place.model())
    before = place.files(), place.records()

    told = place.empty(dry_run=True)

    assert (place.files(), place.records()) == before
    assert place.empty(dry_run=True) == told
    done = place.empty()
    assert {one.outcome for one in told} == {"would_remove"}
    assert {one.outcome for one in done} == {"removed"}
    as_done = [msgspec.structs.replace(one, outcome="removed") for one in told]
    assert as_done == done


def test_age_counts_from_the_deletion(place: Place) -> None:
    old, young = place.run(), place.run()
    place.delete(old, at_ms=NOW - 7_000)
    place.delete(young, at_ms=NOW - 6_999)

    told = place.empty(Selection(older_than_ms=6_999))

    assert outcomes(told) == {old: "removed"}


def test_a_deletion_of_unknown_time_counts_from_now(place: Place) -> None:
    run = place.run()
    place.delete(run, at_ms=None)

    assert place.empty(Selection(older_than_ms=1)) == []

    later = Context(actor=SYSTEM, at_ms=NOW + 10)
    told = list(place.retention().removals(later, Selection(older_than_ms=5), dry_run=False))
    assert outcomes(told) == {run: "removed"}


def test_only_what_is_named_goes(place: Place) -> None:
    runs = [place.run() for _ in range(3)]
    place.delete(*runs)

    told = place.empty(Selection(ids={"run": (runs[1],)}))

    assert outcomes(told) == {runs[1]: "removed"}
    assert place.stores.tracking.run(runs[0]) is not None


@pytest.mark.parametrize("older_than_ms", [None, 10**9])
def test_what_is_not_in_the_trash_is_refused_before_anything_goes(
    place: Place, older_than_ms: int | None
) -> None:
    live, deleted = place.run(), place.run()
    place.delete(deleted)
    selection = Selection(ids={"run": (deleted, live)}, older_than_ms=older_than_ms)

    with pytest.raises(InvalidArgument, match="nothing was removed"):
        place.empty(selection)

    assert len(place.files()) == 4
    assert place.stores.tracking.run(deleted) is not None


def test_files_that_are_gone_are_no_obstacle(place: Place) -> None:
    run = place.run()
    place.run()
    place.delete(run)
    for path in sorted((place.root / "0" / run).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    (told,) = place.empty()

    assert (told.outcome, told.files) == ("removed", 0)
    assert place.stores.tracking.run(run) is None
    assert len(place.records()) == 2


def test_a_store_that_is_away_keeps_the_records(place: Place) -> None:
    """And the run can still be restored: nothing was begun."""
    away = build.add_experiment(place.stores.tracking, artifact_location="s9://nowhere/x")
    run = build.add_run(place.stores.tracking, away)
    place.delete(run)

    (told,) = place.empty()

    assert told.outcome == "failed"
    assert "out of reach" in (told.reason or "")
    place.stores.tracking.change_run(run, RunChange(lifecycle_stage="active")).result()


def test_a_store_that_is_not_mounted_keeps_the_records(place: Place) -> None:
    run = place.run()
    place.delete(run)
    aside = place.root.with_name("aside")
    place.root.rename(aside)

    (told,) = place.empty()

    assert (told.outcome, "not mounted" in (told.reason or "")) == ("failed", True)
    aside.rename(place.root)
    assert outcomes(place.empty()) == {run: "removed"}
    assert place.files() == []


def test_a_store_that_fails_in_between_is_gone_on_with(place: Place) -> None:
    run = place.run()
    place.delete(run)

    class Failing:
        def __init__(self, held: Any) -> None:
            self._held = held

        def __getattr__(self, name: str) -> Any:
            return getattr(self._held, name)

        def delete(self, path: str) -> int:
            raise Unavailable("gone fishing")

    places = Places(lambda uri: Failing(open_artifacts(uri)), trusting=True)  # type: ignore[arg-type, return-value]
    (told,) = Retention(place.stores, places).removals(CONTEXT, Selection(), dry_run=False)

    assert (told.outcome, "gone fishing" in (told.reason or "")) == ("failed", True)
    with pytest.raises(InvalidArgument, match="removed for good"):
        place.stores.tracking.change_run(run, RunChange(lifecycle_stage="active")).result()
    # Its removal has begun: age says nothing any more.
    assert outcomes(place.empty(Selection(older_than_ms=10**12))) == {run: "removed"}


# --- what is not ours, and what is needed ---------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["", "0", "elsewhere", "elsewhere/artifacts"], ids=lambda uri: uri or "the root"
)
def test_a_place_of_no_own_name_is_left_alone(place: Place, uri: str) -> None:
    other = place.run()
    run = place.run(artifact_uri=str(place.root / uri).rstrip("/"))
    place.delete(run)
    before = place.files()

    (told,) = place.empty()

    assert (told.outcome, told.left) == ("removed", str(place.root / uri).rstrip("/"))
    assert place.files() == before
    assert build.read(place.stores.tracking, other)


@pytest.mark.parametrize("below", ["", "/model"])
def test_artifacts_that_a_live_run_shares_stay(place: Place, below: str) -> None:
    original = place.run()
    shared = build.read(place.stores.tracking, original).info.artifact_uri
    build.add_run(place.stores.tracking, artifact_uri=shared + below)
    place.delete(original)

    (told,) = place.empty()

    assert (told.outcome, told.left) == ("removed", shared)
    assert len(place.files()) == 2


class Registry:
    """Versions by the run or model that they come from, and others by their places."""

    def __init__(self, *elsewhere: str, **versions: Versions) -> None:
        self._versions = versions
        self._elsewhere = elsewhere

    def versions_from(self, *, run_ids: Any = (), model_ids: Any = ()) -> dict[str, Versions]:
        return {one: self._versions[one] for one in (*run_ids, *model_ids) if one in self._versions}

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        return [("raw", str(number), one) for number, one in enumerate(self._elsewhere, 1)]


def needing(*ids: str) -> Registry:
    return Registry(**{one: [("price", "3")] for one in ids})


def test_what_a_model_version_needs_is_kept(place: Place) -> None:
    needed, free, model = place.run(), place.run(), place.model()
    place.delete(needed, free)
    place.delete_model(model)

    told = place.empty(registry=needing(needed, model))

    assert outcomes(told) == {needed: "kept", free: "removed", model: "kept"}
    assert all("price/3" in (one.reason or "") for one in told if one.outcome == "kept")
    place.stores.tracking.change_run(needed, RunChange(lifecycle_stage="active")).result()
    assert len(place.files()) == 3


@pytest.mark.parametrize("place_of_version", [
    "{uri}", "{uri}/model", "{uri}/", "{uri}/..", "runs:/{id}/model",
    "mlflow-artifacts:/0/{id}/artifacts/model", "file://{uri}/model?x=y", "s3://other/{id}/artifacts",
])  # fmt: skip
def test_what_has_the_files_of_a_version_is_kept(place: Place, place_of_version: str) -> None:
    """Also when the version does not say what it comes from."""
    holding, model, free = place.run(), place.model(), place.run()
    uri = build.read(place.stores.tracking, holding).info.artifact_uri
    of_model = place.stores.tracking.logged_model(model)
    assert of_model is not None
    where = place_of_version.format(uri=uri, id=holding).replace("/artifacts/..", "")
    registry = Registry(where, of_model.info.artifact_uri, "s3://bucket/m")
    place.delete(holding, free)
    place.delete_model(model)

    with pytest.raises(InvalidArgument, match="nothing was removed"):
        place.empty(registry=registry, registered="refuse")
    told = place.empty(registry=registry)

    assert outcomes(told) == {holding: "kept", model: "kept", free: "removed"}
    assert [one.reason for one in told if one.id == holding] == [
        "it is needed by model version raw/1"
    ]
    assert len(place.files()) == 3


def test_what_has_the_files_of_a_version_in_a_real_registry_is_kept(place: Place) -> None:
    run, free = place.run(), place.run()
    uri = build.read(place.stores.tracking, run).info.artifact_uri
    # A folder of files has no registry: its models are registered elsewhere.
    holding = open_stores("memory:") if place.stores.kind == "file" else place.stores
    registry = holding.registry
    registry.add_registered_model(
        RegisteredModel(name="price", creation_timestamp=1, last_updated_timestamp=1)
    ).result()
    version = NewVersion(name="price", source=uri, location=uri, created_ms=1)
    registry.add_version(version).result()
    place.delete(run, free)

    told = place.empty(registry=registry)

    assert outcomes(told) == {run: "kept", free: "removed"}
    registry.delete_version("price", 1, at_ms=2).result()
    assert outcomes(place.empty(registry=registry)) == {run: "removed"}


def test_what_is_nowhere_is_in_nobodys_way() -> None:
    """Runs and versions that came from other trackers may not say where their files are."""
    known = {"kind": "run", "name": "r", "experiment_id": "0"}
    nowhere = TrashItem(id="a", artifact_uri="", **known)  # type: ignore[arg-type]
    local = TrashItem(id="b", artifact_uri="/mlruns/0/b/artifacts", **known)  # type: ignore[arg-type]
    places = Places(open_artifacts, trusting=True)

    assert needed([nowhere, local], Registry("", "/other/m"), places) == {}
    assert needed([nowhere, local], Registry("/mlruns/0"), places) == {local: [("raw", "1")]}


def test_a_run_with_artifacts_elsewhere_is_kept_for_a_version_there(place: Place) -> None:
    first, second = (str(place.root / one) for one in ("mine/a", "mine/ab"))
    runs = [place.run(artifact_uri=one) for one in (first, second)]
    place.delete(*runs)

    told = place.empty(registry=Registry(f"{first}/model"))

    assert outcomes(told) == {runs[0]: "kept", runs[1]: "removed"}


def test_an_experiment_in_which_something_is_needed_is_kept_whole(place: Place) -> None:
    experiment = place.experiment()
    needed = [place.run(experiment) for _ in range(2)][1]
    place.delete_experiment(experiment)

    told = place.empty(registry=needing(needed))

    assert outcomes(told) == {experiment: "kept"}
    assert len(place.files()) == 4


def test_by_policy_what_is_needed_stops_everything(place: Place) -> None:
    runs = [place.run(), place.run()]
    place.delete(*runs)

    with pytest.raises(InvalidArgument, match="model version price/3; nothing was removed"):
        place.empty(registry=needing(runs[1]), registered="refuse")

    assert len(place.files()) == 4


# --- interruptions -------------------------------------------------------------------------------


def thrown_away(place: Place) -> list[str]:
    """One of each in the trash; the first is an experiment with something in it."""
    experiment = place.experiment()
    inside = [place.run(experiment), place.model(experiment)]
    run, model = place.run(), place.model()
    place.delete_experiment(experiment)
    place.delete(run)
    place.delete_model(model)
    return [experiment, *inside, run, model]


@pytest.mark.timeout(300)
def test_interrupted_at_any_step_it_is_brought_to_the_end(place: Place, full_size: bool) -> None:
    """At some of them on a server, where each takes a second, in a short run."""
    live = place.run()
    thrown_away(place)
    counting = Plug()
    list(place.retention(counting).removals(CONTEXT, Selection(), dry_run=False))
    assert counting.calls > 20
    is_far = place.stores.kind not in {"memory", "sqlite", "file"}
    for at in range(1, counting.calls + 1, 7 if is_far and not full_size else 1):
        doomed = thrown_away(place)
        with pytest.raises(Interrupted):
            list(place.retention(Plug(at)).removals(CONTEXT, Selection(), dry_run=False))

        place.empty()

        assert place.empty() == []
        assert place.files() == [f"0/{live}/artifacts/0.bin", f"0/{live}/artifacts/model/1.bin"]
        assert len(place.records()) == 2
        assert len(build.history(place.stores.tracking, live)) == 2
        assert all(place.stores.tracking.run(one) is None for one in doomed)
        assert place.stores.tracking.experiment(doomed[0]) is None


def test_what_is_restored_meanwhile_stays(place: Place) -> None:
    """Between the look into the trash and the removal: nothing of it is touched."""
    first, second = place.run(), place.run()
    place.delete(first, at_ms=1)
    place.delete(second, at_ms=2)
    removing = place.retention().removals(CONTEXT, Selection(), dry_run=False)
    assert next(removing).id == first

    place.stores.tracking.change_run(second, RunChange(lifecycle_stage="active")).result()

    assert [one.outcome for one in removing] == ["kept"]
    assert len(place.files()) == 2
