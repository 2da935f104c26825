"""What is refused of a protected object is in the audit trail, too (S110)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.core.entities.access import Actor
from millrace.core.errors import Conflict, PermissionDenied
from millrace.services.places import Places
from millrace.services.platform import Platform, open_platform, open_store
from tests.unit.services.conftest import Call, calling


@pytest.fixture(params=["one database", "registry apart"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    models = f"sqlite:///{tmp_path / 'models.db'}" if request.param == "registry apart" else None
    places = Places(open_store, destination=str(tmp_path / "files"), trusting=True)
    opened = open_platform(
        f"sqlite:///{tmp_path / 'runs.db'}",
        artifact_root="mlflow-artifacts:/", places=places, registry_uri=models,
    )  # fmt: skip
    yield opened
    opened.close()


@pytest.fixture
def ada(platform: Platform) -> Call:
    return calling(platform, actor=Actor(name="ada"))


def refused(call: Call, **query: Any) -> list[tuple[str, str, str]]:
    entries = call("listAuditEntries", **query).entries
    return [(one.action, one.kind, one.actor) for one in entries if one.outcome == "refused"]


def test_files_of_a_registered_version(platform: Platform, ada: Call, tmp_path: Path) -> None:
    run = ada("createRun", experiment_id="0").run.info
    path = f"{run.artifact_uri.removeprefix('mlflow-artifacts:/')}/m/model.pkl"
    file = tmp_path / "files" / path
    file.parent.mkdir(parents=True)
    file.write_text("weights")
    ada("createRegisteredModel", name="m")
    ada("createModelVersion", name="m", source=f"{run.artifact_uri}/m", run_id=run.run_id)

    for endpoint in ("deleteArtifact", "adoptArtifact"):
        more = {"sha256": "0" * 64, "size": 1} if endpoint == "adoptArtifact" else {}
        with pytest.raises(Conflict, match="stay as they are"):
            ada(endpoint, artifact_path=path, **more)

    assert file.read_text() == "weights"
    assert refused(ada) == [
        ("artifact.write", "artifact", "ada"),
        ("artifact.delete", "artifact", "ada"),
    ]


@pytest.mark.parametrize("root", ["s3://bucket", "a folder of the user's own"])
def test_files_of_a_version_that_names_no_run(tmp_path: Path, root: str) -> None:
    """Whoever registers a place in a bucket need not say whose it is."""
    files = str(tmp_path / "files")
    if root.startswith("s3:"):
        places = Places(lambda _: open_store(files), roots=[root])
    else:
        root, places = files, Places(open_store, trusting=True)
    platform = open_platform(f"sqlite:///{tmp_path / 'runs.db'}", artifact_root=root, places=places)
    call = calling(platform)
    run = call("createRun", experiment_id="0").run.info
    home = tmp_path / "files" / run.artifact_uri.removeprefix(root).lstrip("/")
    for name in ("model/weights", "model-2/weights"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text("1234")
    call("createRegisteredModel", name="m")
    named = {} if root.startswith("s3:") else {"run_id": run.run_id}
    call("createModelVersion", name="m", source=f"{run.artifact_uri}/model", **named)

    with pytest.raises(Conflict, match="stay as they are"):
        call("deleteRunArtifacts", run_id=run.run_id, paths=["model/weights"])

    assert call("deleteRunArtifacts", run_id=run.run_id, paths=["model-2"]).bytes == 4
    assert [one.parent.name for one in home.rglob("weights")] == ["model"]
    platform.close()


def test_comments_of_others(platform: Platform, ada: Call) -> None:
    ada("createRegisteredModel", name="m")
    comment = ada("createComment", name="m", comment="mine").comment.id
    ben = calling(platform, actor=Actor(name="ben"))
    with pytest.raises(PermissionDenied, match="not by you"):
        ben("updateComment", name="m", id=comment, comment="his")
    with pytest.raises(PermissionDenied, match="not by you"):
        ben("deleteComment", name="m", id=comment)
    assert refused(ben, registry=True) == [
        ("comment.delete", "comment", "ben"),
        ("comment.update", "comment", "ben"),
    ]
