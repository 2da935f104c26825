"""Manifests: made once, from the ledger or by reading; what differs later is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.api.registry import VersionOfModel
from millrace.artifacts.local import LocalArtifacts
from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.entities.registry import NewVersion, RegisteredModel
from millrace.core.errors import PermissionDenied
from millrace.services.context import Context
from millrace.services.manifests import Manifests
from millrace.services.places import Spot
from millrace.stores.memory import MemoryStores

ASKED = VersionOfModel(name="digits", version="1")
NOW = Context(at_ms=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "data").mkdir(parents=True)
    (made / "MLmodel").write_text("flavors: {}")
    (made / "data" / "a.bin").write_bytes(b"1234")
    (made / "data" / "b.bin").write_bytes(b"56")
    return made


@pytest.fixture
def stores(folder: Path) -> MemoryStores:
    opened = MemoryStores()
    model = RegisteredModel(name="digits", creation_timestamp=1, last_updated_timestamp=1)
    opened.registry.add_registered_model(model).result()
    version = NewVersion(name="digits", source="x", location=str(folder), created_ms=1)
    opened.registry.add_version(version).result()
    return opened


@pytest.fixture
def manifests(stores: MemoryStores) -> Manifests:
    def spot_of(location: str) -> Spot:
        return Spot(LocalArtifacts(Path(location)), "", location)

    return Manifests(stores.registry, stores.artifacts, spot_of)


def problems(manifests: Manifests) -> dict[str, str]:
    found = manifests.verify(NOW, ASKED)
    assert found.ok == (not found.problems)
    return {one.path: one.problem for one in found.problems}


def test_a_manifest_is_made_when_it_is_asked_for(manifests: Manifests) -> None:
    made = manifests.get(NOW, ASKED).manifest

    assert made.state == "RECORDED"
    assert [(one.path, one.size) for one in made.files] == [
        ("MLmodel", 11),
        ("data/a.bin", 4),
        ("data/b.bin", 2),
    ]
    assert manifests.get(NOW, ASKED).manifest == made
    assert problems(manifests) == {}


def test_bit_rot_and_strays_are_named(manifests: Manifests, folder: Path) -> None:
    made = manifests.get(NOW, ASKED).manifest
    (folder / "data" / "a.bin").write_bytes(b"1235")
    (folder / "data" / "b.bin").unlink()
    (folder / "more.txt").write_text("x")

    assert problems(manifests) == {
        "data/a.bin": "CHANGED",
        "data/b.bin": "MISSING",
        "more.txt": "EXTRA",
    }
    assert manifests.get(NOW, ASKED).manifest == made


def test_it_is_made_in_the_background_and_after_a_restart(
    manifests: Manifests, stores: MemoryStores
) -> None:
    manifests.catch_up()
    manifests.close()  # waits for what is under way
    manifests.soon("digits", "1")  # and then does nothing more

    held = stores.registry.manifest("digits", 1)

    assert held is not None
    assert held.state in {"RECORDED", "PENDING"}


def test_what_may_not_be_touched_says_so(stores: MemoryStores) -> None:
    def spot_of(location: str) -> Spot:
        raise PermissionDenied(f"not {location}")

    made = Manifests(stores.registry, stores.artifacts, spot_of).get(NOW, ASKED).manifest

    assert (made.state, made.digest) == ("UNREADABLE", None)
    assert str(made.message).startswith("not ")


def test_an_empty_folder_has_no_manifest(manifests: Manifests, folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    assert manifests.get(NOW, ASKED).manifest.state == "UNREADABLE"


def test_what_is_out_of_reach_is_known_at_once(stores: MemoryStores) -> None:
    def spot_of(location: str) -> Spot:
        raise PermissionDenied(f"not {location}")

    made = Manifests(stores.registry, stores.artifacts, spot_of).at_once("s3://bucket/m")

    assert made is not None
    assert made.state == "UNREADABLE"


def test_what_the_ledger_has_is_known_at_once(
    manifests: Manifests, stores: MemoryStores, folder: Path
) -> None:
    assert manifests.at_once(str(folder)) is None
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            record = ArtifactRecord(
                uri=str(path), size=path.stat().st_size, sha256="a" * 64, recorded_ms=1
            )
            stores.artifacts.settle(record, token=None).result()

    made = manifests.at_once(str(folder))

    assert made is not None
    assert {one.sha256 for one in made.files} == {"a" * 64}
