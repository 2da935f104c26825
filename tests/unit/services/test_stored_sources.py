"""Versions whose rows are older than the rules, or were written past them, are inert (S16)."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.core.entities.registry import NewVersion, RegisteredModel
from millrace.core.errors import InvalidArgument, MillraceError
from millrace.services.places import Places
from millrace.services.platform import Platform, open_platform, open_store
from tests.unit.services.conftest import calling

BAD = (
    "{folder}/../secret",
    "file://{folder}/%2e%2e/secret",
    "file://{folder}/a#b",
    "file://{folder}/a;b",
    "s3://user:word@bucket/m",
    "{folder}/a\n/b",
    "s3://bucket/m?x=1",
)


def register(platform: Platform, location: str) -> None:
    """Write a version past the rules, as its row might be."""
    registry = platform.stores.registry
    model = RegisteredModel(name="m", creation_timestamp=1, last_updated_timestamp=1)
    registry.add_registered_model(model).result()
    new = NewVersion(name="m", source=location, location=location, created_ms=1)
    registry.add_version(new).result()


@pytest.mark.parametrize("location", BAD)
def test_a_bad_row_leads_nowhere(platform: Platform, tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("canary")
    register(platform, location.format(folder=tmp_path / "files"))
    call = calling(platform)

    with pytest.raises(InvalidArgument):
        call("getModelVersionDownloadUri", name="m", version="1")
    manifest = call("getModelVersionManifest", name="m", version="1").manifest
    assert (manifest.state, manifest.files) == ("UNREADABLE", ())
    with pytest.raises(InvalidArgument, match="has no manifest"):
        call("verifyModelVersion", name="m", version="1")


@pytest.mark.parametrize("location", ["{folder}/secret", "file://{folder}/secret", "s3://b/m"])
def test_a_place_outside_the_roots_is_not_read(tmp_path: Path, location: str) -> None:
    """A row may name any place; a server reads below its roots only."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("canary")
    places = Places(open_store, destination=str(tmp_path / "files"))
    platform = open_platform(f"sqlite:///{tmp_path / 'r.db'}", places=places)
    try:
        register(platform, location.format(folder=tmp_path))
        call = calling(platform)
        manifest = call("getModelVersionManifest", name="m", version="1").manifest
        assert (manifest.state, manifest.files) == ("UNREADABLE", ())
        assert "outside the roots" in manifest.message
        with pytest.raises(MillraceError):
            call("verifyModelVersion", name="m", version="1")
    finally:
        platform.close()
