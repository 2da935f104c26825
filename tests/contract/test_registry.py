"""The model registry: numbers, documents, moves, what is written beside a change."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millrace.core.entities.audit import Act, AuditQuery, Trail
from millrace.core.entities.entity import KeyValue, pairs
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.registry import (
    STAGES,
    AliasMove,
    Comment,
    Manifest,
    ManifestFile,
    ModelVersion,
    NewVersion,
    RegisteredModel,
    RegisteredModelChange,
    StageMove,
    VersionChange,
)
from millrace.core.errors import AlreadyExists, NotFound
from millrace.core.filters import MODEL_VERSIONS
from millrace.core.rules import manifests
from millrace.stores.protocols import RegistryStore, Stores
from tests.contract.build import add_model, add_run, at_once, batch, dataset_input, query, receipt

pytestmark = pytest.mark.needs("registry")


@pytest.fixture
def registry(stores: Stores) -> RegistryStore:
    return stores.registry


def new_model(name: str = "digits", **fields: Any) -> RegisteredModel:
    known = {"creation_timestamp": 1_000, "last_updated_timestamp": 1_000}
    return RegisteredModel(name=name, **known | fields)


def new_version(name: str = "digits", **fields: Any) -> NewVersion:
    known = {"source": "s3://bucket/m", "location": "s3://bucket/m", "created_ms": 2_000}
    return NewVersion(name=name, **known | fields)


def add(registry: RegistryStore, count: int = 1, name: str = "digits", **fields: Any) -> None:
    """Record a model, unless it is there, and *count* versions of it."""
    if registry.registered_model(name) is None:
        registry.add_registered_model(new_model(name)).result()
    for _ in range(count):
        registry.add_version(new_version(name, **fields)).result()


def model(registry: RegistryStore, name: str = "digits") -> RegisteredModel:
    document = registry.registered_model(name)
    assert document is not None
    return msgspec.json.decode(document, type=RegisteredModel)


def version(registry: RegistryStore, number: int, name: str = "digits") -> ModelVersion:
    document = registry.version(name, number)
    assert document is not None
    return msgspec.json.decode(document, type=ModelVersion)


def stage(number: int, to: str, **fields: Any) -> StageMove:
    known = {"name": "digits", "version": number, "stage": to, "at_ms": 3_000}
    return StageMove(**known | fields)


def point(alias: str, number: int | None, **fields: Any) -> AliasMove:
    known = {"name": "digits", "alias": alias, "version": number, "at_ms": 3_000}
    return AliasMove(**known | fields)


def acting(action: str = "test") -> Trail:
    return Trail(act=Act(action=action, actor="ada", at_ms=9_000))


def audited(stores: Stores) -> list[tuple[str, str]]:
    """Kind and id of all entries, the oldest first."""
    page = stores.audit.entries(AuditQuery(), limit=100, after=None)
    return [(entry.kind, entry.id) for entry in reversed(page.items)]


def test_what_was_written_is_what_is_read(registry: RegistryStore) -> None:
    made = registry.add_registered_model(new_model(tag_list=pairs({"b": "2", "a": "1"}))).result()
    first = registry.add_version(new_version(tag_list=pairs({"x": "1"}), run_id="r")).result()

    assert made.tags == {"a": "1", "b": "2"}
    assert version(registry, 1) == first
    assert model(registry).latest_versions == [first]
    assert model(registry).last_updated_timestamp == 2_000
    assert registry.location("digits", 1) == "s3://bucket/m"


def test_what_is_not_there(registry: RegistryStore) -> None:
    add(registry)

    assert registry.registered_model("nobody") is None
    assert registry.latest_versions("nobody", STAGES) is None
    for name, number in (("nobody", 1), ("digits", 2)):
        assert registry.version(name, number) is None
        assert registry.location(name, number) is None
    assert registry.highest_version("nobody") is None
    assert registry.version_at("digits", "champion") is None
    for write in (
        lambda: registry.change_registered_model("nobody", RegisteredModelChange()),
        lambda: registry.delete_registered_model("nobody"),
        lambda: registry.add_version(new_version("nobody")),
        lambda: registry.change_version("digits", 2, VersionChange()),
        lambda: registry.delete_version("digits", 2, at_ms=1),
        lambda: registry.move(stage(2, "Staging")),
        lambda: registry.move(point("champion", 2)),
        lambda: registry.move(point("champion", None, name="nobody")),
        lambda: registry.add_version(new_version(copy_of=("digits", 2))),
    ):
        with pytest.raises(NotFound):
            write().result()


def test_a_refused_write_changes_nothing(registry: RegistryStore) -> None:
    add(registry)
    before = model(registry)

    with pytest.raises(NotFound):
        registry.add_version(new_version(copy_of=("digits", 7))).result()
    with pytest.raises(AlreadyExists):
        registry.add_registered_model(new_model()).result()

    assert model(registry) == before
    assert registry.add_version(new_version()).result().version == "2"


def test_numbers_are_dense_when_many_register_at_once(registry: RegistryStore) -> None:
    add(registry, 0)

    made = at_once(lambda _: registry.add_version(new_version()).result().version, range(64))

    assert sorted(int(str(one)) for one in made) == list(range(1, 65))


def test_a_number_is_given_once(registry: RegistryStore) -> None:
    add(registry, 3)
    for number in (3, 1):
        registry.delete_version("digits", number, at_ms=5_000).result()

    assert registry.add_version(new_version()).result().version == "4"
    assert model(registry).last_updated_timestamp == 2_000


def test_one_of_many_creators_of_a_name_wins(registry: RegistryStore) -> None:
    outcomes = at_once(lambda _: registry.add_registered_model(new_model()).result(), range(16))

    assert sum(isinstance(one, RegisteredModel) for one in outcomes) == 1
    assert sum(isinstance(one, AlreadyExists) for one in outcomes) == 15


def test_an_alias_that_many_move_points_at_one_version(registry: RegistryStore) -> None:
    add(registry, 8)

    at_once(lambda number: registry.move(point("champion", number)).result(), list(range(1, 9)) * 4)

    winner = model(registry).aliases["champion"]
    holders = [n for n in range(1, 9) if version(registry, n).aliases == ["champion"]]
    assert holders == [int(winner)]


def test_a_receipt_makes_a_version_once(registry: RegistryStore) -> None:
    add(registry, 0)
    trail = receipt("once")

    first, again = (registry.add_version(new_version(), trail=trail).result() for _ in range(2))

    assert first == again
    assert registry.add_version(new_version()).result().version == "2"


def test_stages(registry: RegistryStore) -> None:
    add(registry, 4)
    for number, to in ((1, "Production"), (2, "Production"), (3, "Staging")):
        registry.move(stage(number, to)).result()

    moved = registry.move(stage(4, "Production", archive_existing=True, at_ms=7_000)).result()

    assert moved == version(registry, 4)
    stages = [version(registry, number).current_stage for number in (1, 2, 3, 4)]
    assert stages == ["Archived", "Archived", "Staging", "Production"]
    latest = registry.latest_versions("digits", STAGES)
    assert latest is not None
    shown = [msgspec.json.decode(one, type=ModelVersion) for one in latest]
    assert shown == model(registry).latest_versions
    assert [one.version for one in shown] == ["2", "3", "4"]
    assert registry.latest_versions("digits", ("None",)) == []


def test_what_the_model_shows_of_versions_is_how_they_are(registry: RegistryStore) -> None:
    """Whatever is done, the model's own document agrees with those of its versions."""
    add(registry, 5)
    for write in (
        lambda: registry.move(stage(2, "Staging")),
        lambda: registry.move(point("a", 2)),
        lambda: registry.move(point("a", 5)),
        lambda: registry.move(point("b", 5)),
        lambda: registry.change_version("digits", 5, VersionChange(description="d", at_ms=4)),
        lambda: registry.change_version("digits", 2, VersionChange(set_tags=pairs({"k": "v"}))),
        lambda: registry.move(point("b", None)),
        lambda: registry.change_registered_model("digits", RegisteredModelChange(at_ms=5)),
        lambda: registry.delete_version("digits", 5, at_ms=6),
        lambda: registry.move(stage(2, "None")),
    ):
        write().result()  # type: ignore[attr-defined]  # futures of many kinds

        shown = model(registry)
        for one in shown.latest_versions:
            assert one == version(registry, int(one.version))
        pointing = {
            alias: one.version
            for number in range(1, 6)
            if registry.version("digits", number) is not None
            for one in [version(registry, number)]
            for alias in one.aliases
        }
        assert shown.aliases == pointing


def test_rename(registry: RegistryStore) -> None:
    add(registry, 2)
    add(registry, 0, name="taken")
    registry.move(point("champion", 1)).result()
    change = RegisteredModelChange(name="numbers", at_ms=8_000)

    renamed = registry.change_registered_model("digits", change).result()

    assert renamed == model(registry, "numbers")
    assert {one.name for one in renamed.latest_versions} == {"numbers"}
    for number in (1, 2):
        assert registry.version("digits", number) is None
        moved = version(registry, number, "numbers")
        assert (moved.name, moved.last_updated_timestamp) == ("numbers", 8_000)
    aliased = registry.version_at("numbers", "champion")
    assert aliased is not None
    assert msgspec.json.decode(aliased, type=ModelVersion) == version(registry, 1, "numbers")
    with pytest.raises(AlreadyExists):
        registry.change_registered_model("numbers", RegisteredModelChange(name="taken")).result()


def test_a_deleted_model_leaves_nothing(registry: RegistryStore) -> None:
    add(registry, 2, run_id="r", tag_list=pairs({"k": "v"}))
    registry.move(point("champion", 1)).result()

    registry.delete_registered_model("digits").result()

    assert registry.version("digits", 1) is None
    assert registry.versions_from(run_ids=["r"]) == {}
    add(registry, 1)
    assert model(registry).aliases == {}
    assert version(registry, 1).tags == {}


def test_versions_from(registry: RegistryStore) -> None:
    add(registry, 2, run_id="r")
    add(registry, 1, name="letters", run_id="r", model_id="m-1")
    add(registry, 1, name="letters")

    found = registry.versions_from(run_ids=["r", "s"], model_ids=["m-1", "m-2"])

    assert found == {
        "r": [("digits", "1"), ("digits", "2"), ("letters", "1")],
        "m-1": [("letters", "1")],
    }
    assert registry.versions_from(run_ids=[""], model_ids=[""]) == {}


def test_versions_elsewhere(registry: RegistryStore) -> None:
    """Those that their origin does not account for: without one, or with files of another."""
    add(registry, 1, run_id="r", location="s3://bucket/0/r/artifacts/model")
    add(registry, 1, model_id="m-1", location="s3://bucket/0/m-1/artifacts")
    add(registry, 1, run_id="r", model_id="m-1", location="s3://bucket/0/m-1/artifacts")
    add(registry, 1, name="raw", location="s3://bucket/0/r/artifacts/model")
    add(registry, 1, name="raw", run_id="s", location="s3://bucket/0/r/artifacts/model")
    add(registry, 1, name="raw", run_id="a_c", location="s3://bucket/0/abc/artifacts/model")
    prompt = pairs({"mlflow.prompt.is_prompt": "true"})
    add(registry, 1, name="words", location="prompt-template", tag_list=prompt)

    assert registry.versions_elsewhere() == [
        ("raw", "1", "s3://bucket/0/r/artifacts/model"),
        ("raw", "2", "s3://bucket/0/r/artifacts/model"),
        ("raw", "3", "s3://bucket/0/abc/artifacts/model"),
    ]


def test_places_of_versions_are_found_by_what_is_in_them(registry: RegistryStore) -> None:
    add(registry, 1, location="s3://bucket/1/abc/artifacts/model")
    add(registry, 1, name="letters", location="s3://bucket/1/abc/artifacts/model")
    add(registry, 1, name="others", location="s3://bucket/1/a_c/artifacts/model")

    assert registry.locations_naming("abc") == ["s3://bucket/1/abc/artifacts/model"]
    assert registry.locations_naming("a_c") == ["s3://bucket/1/a_c/artifacts/model"]
    assert registry.locations_naming("%") == []


def test_a_logged_model_learns_of_its_versions(stores: Stores) -> None:
    logged = add_model(stores.tracking)
    add(stores.registry, 2, model_id=logged)
    by_client = '[{"name": "digits", "version": "2"}, {"name": "x", "version": 1}]'
    tag = KeyValue(key="mlflow.modelVersions", value=by_client)

    stores.tracking.change_logged_model(logged, LoggedModelChange(set_tags=(tag,))).result()

    found = stores.tracking.logged_model(logged)
    assert found is not None
    assert msgspec.json.decode(found.info.tags["mlflow.modelVersions"]) == [
        {"name": "digits", "version": 1},
        {"name": "digits", "version": 2},
        {"name": "x", "version": 1},
    ]


def test_every_change_is_audited(stores: Stores) -> None:
    registry, trail = stores.registry, acting()
    registry.add_registered_model(new_model(), trail=trail).result()
    for _ in range(2):
        registry.add_version(new_version(), trail=trail).result()
    registry.move(stage(1, "Staging"), trail=trail).result()
    registry.move(stage(2, "Staging", archive_existing=True), trail=trail).result()
    registry.move(point("champion", 2), trail=trail).result()
    registry.move(point("champion", 2), trail=trail).result()
    registry.change_version("digits", 1, VersionChange(description="d"), trail=trail).result()
    change = RegisteredModelChange(name="numbers")
    registry.change_registered_model("digits", change, trail=trail).result()
    registry.delete_version("numbers", 1, at_ms=1, trail=trail).result()
    registry.delete_registered_model("numbers", trail=trail).result()

    assert audited(stores) == [
        ("registered_model", "digits"),
        ("model_version", "digits/1"),
        ("model_version", "digits/2"),
        ("model_version", "digits/1"),
        ("model_version", "digits/1"),
        ("model_version", "digits/2"),
        ("registered_model", "digits"),
        ("model_version", "digits/1"),
        ("registered_model", "digits"),
        ("model_version", "numbers/1"),
        ("registered_model", "numbers"),
    ]


def test_what_changes_nothing_is_not_audited(stores: Stores) -> None:
    add(stores.registry)

    stores.registry.move(point("nobody", None), trail=acting()).result()
    with pytest.raises(NotFound):
        stores.registry.move(point("champion", 9), trail=acting()).result()

    assert audited(stores) == []


def test_a_run_that_backs_a_version_is_named(stores: Stores) -> None:
    run = add_run(stores.tracking)
    add(stores.registry, 1, run_id=run)

    assert stores.registry.versions_from(run_ids=[run]) == {run: [("digits", "1")]}


# Manifests, copies, comments, origins

FILES = (
    ManifestFile(path="MLmodel", size=1, sha256="a" * 64),
    ManifestFile(path="model.pkl", size=2, sha256="b" * 64),
)


def test_a_manifest_is_recorded_once(registry: RegistryStore) -> None:
    add(registry, 2)
    made = manifests.recorded(FILES, 5_000)
    other = manifests.recorded(FILES[:1], 6_000)

    assert registry.manifest("digits", 1) == Manifest(state="PENDING")
    assert registry.pending_manifests(10) == [("digits", 1), ("digits", 2)]
    unreadable = Manifest(state="UNREADABLE", message="away")
    assert registry.settle_manifest("digits", 1, unreadable).result() == unreadable
    assert registry.settle_manifest("digits", 1, made).result() == made
    assert registry.settle_manifest("digits", 1, other).result() == made

    assert registry.manifest("digits", 1) == made
    assert registry.pending_manifests(10) == [("digits", 2)]
    with pytest.raises(NotFound):
        registry.settle_manifest("digits", 9, made).result()


def test_a_copy_has_the_manifest_of_its_parent(registry: RegistryStore) -> None:
    add(registry, 1)
    add(registry, 0, name="copies")
    made = registry.settle_manifest("digits", 1, manifests.recorded(FILES, 5_000)).result()

    registry.add_version(new_version("copies", copy_of=("digits", 1))).result()

    assert registry.manifest("copies", 1) == made
    assert registry.parent("copies", 1) == ("digits", "1")
    assert registry.parent("digits", 1) is None
    assert registry.children("digits", 1) == [("copies", "1")]
    registry.delete_version("digits", 1, at_ms=1).result()
    assert registry.parent("copies", 1) is None


def test_a_prompt_has_no_manifest(registry: RegistryStore) -> None:
    add(registry, 1, tag_list=pairs({"mlflow.prompt.is_prompt": "true"}))

    assert registry.manifest("digits", 1) is None
    assert registry.pending_manifests(10) == []


def new_comment(number: int, **fields: Any) -> Comment:
    known = {"id": f"c-{number}", "name": "digits", "user_id": "ada", "is_verified": False}
    known |= {"comment": f"say {number}", "creation_timestamp": number, "version": None}
    known |= {"last_updated_timestamp": number}
    return Comment(**known | fields)


def test_comments(registry: RegistryStore) -> None:
    add(registry, 2)
    for number in (3, 1, 2):
        registry.add_comment(new_comment(number)).result()
    of_version = registry.add_comment(new_comment(4, version="2")).result()

    first = registry.comments("digits", None, limit=2, after=None)
    rest = registry.comments("digits", None, limit=2, after=first.next)
    assert [one.id for one in (*first.items, *rest.items)] == ["c-1", "c-2", "c-3"]
    assert rest.next is None
    assert registry.comments("digits", 2, limit=5, after=None).items == (of_version,)

    changed = registry.change_comment("digits", "c-1", "better", at_ms=9).result()
    assert (changed.comment, changed.last_updated_timestamp) == ("better", 9)
    assert registry.comment("digits", "c-1") == changed
    registry.delete_comment("digits", "c-1").result()
    assert registry.comment("digits", "c-1") is None
    for write in (
        lambda: registry.delete_comment("digits", "c-1"),
        lambda: registry.change_comment("digits", "c-1", "x", at_ms=1),
        lambda: registry.add_comment(new_comment(9, name="nobody")),
        lambda: registry.add_comment(new_comment(9, version="9")),
    ):
        with pytest.raises(NotFound):
            write().result()  # type: ignore[attr-defined]  # futures of many kinds


def test_comments_move_and_go_with_what_they_are_on(registry: RegistryStore) -> None:
    add(registry, 1)
    registry.add_comment(new_comment(1)).result()
    registry.add_comment(new_comment(2, version="1")).result()

    registry.change_registered_model("digits", RegisteredModelChange(name="numbers")).result()
    moved = registry.comment("numbers", "c-1")
    assert moved is not None
    assert moved.name == "numbers"
    registry.delete_version("numbers", 1, at_ms=1).result()
    assert registry.comment("numbers", "c-2") is None
    registry.delete_registered_model("numbers").result()
    add(registry, 0, name="numbers")
    assert registry.comments("numbers", None, limit=5, after=None).items == ()


def found(registry: RegistryStore, where: str) -> list[str]:
    asked = query(where, ("name", "version_number"), table=MODEL_VERSIONS, limit=100)
    page = registry.find_versions(asked)
    return [msgspec.json.decode(one, type=ModelVersion).version for one in page.items]


def test_versions_are_found_by_what_their_runs_read(stores: Stores) -> None:
    read_a, read_b, read_none = (add_run(stores.tracking) for _ in range(3))
    train = dataset_input("iris", "d1", tags={"mlflow.data.context": "train"})
    stores.tracking.append(read_a, batch(datasets=(train,))).result()
    stores.tracking.append(read_b, batch(datasets=(dataset_input("iris", "d2"),))).result()
    for run in (read_a, read_b, read_none, ""):
        add(stores.registry, 1, run_id=run)

    assert found(stores.registry, "dataset.digest = 'd1'") == ["1"]
    assert found(stores.registry, "dataset.name = 'iris'") == ["1", "2"]
    assert found(stores.registry, "dataset.digest != 'd1'") == ["2"]
    assert found(stores.registry, "NOT dataset.digest = 'd1'") == ["2", "3", "4"]
    assert found(stores.registry, "dataset.context = 'train'") == ["1"]
    assert found(stores.registry, "dataset.context != 'x'") == ["1"]
    assert found(stores.registry, "dataset.name IS NULL") == ["3", "4"]
    assert found(stores.registry, "dataset.context IS NULL") == ["2", "3", "4"]


def test_versions_are_found_by_stage_and_logged_model(registry: RegistryStore) -> None:
    add(registry, 1, model_id="m-1")
    add(registry, 2)
    registry.move(stage(2, "Production")).result()

    assert found(registry, "current_stage = 'Production'") == ["2"]
    assert found(registry, "stage IN ('None', 'Staging')") == ["1", "3"]
    assert found(registry, "model_id = 'm-1'") == ["1"]
    assert found(registry, "model_id = ''") == ["2", "3"]
