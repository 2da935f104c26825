"""The artifact stores under test: every test of this folder that asks for one runs on each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.artifacts.protocols import ArtifactStore
from tests.contract_artifacts.places import PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param](request)


@pytest.fixture
def store(place: Place) -> Iterator[ArtifactStore]:
    opened = place.open()
    yield opened
    opened.close()
