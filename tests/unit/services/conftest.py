"""A platform over each kind of store, and calls by name as a server makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import pytest

from millrace.api.table import BY_NAME
from millrace.core import wire
from millrace.core.entities.access import ANONYMOUS, Actor
from millrace.services.context import Context
from millrace.services.platform import Platform, open_platform


class Call(Protocol):
    def __call__(self, endpoint: str, /, **message: Any) -> Any: ...


def calling(platform: Platform, *, actor: Actor = ANONYMOUS, **context: Any) -> Call:
    """A function that calls an endpoint with a message as from the wire, and waits."""

    def call(endpoint: str, /, **message: Any) -> Any:
        request = wire.from_body(BY_NAME[endpoint].request, json.dumps(message).encode())
        known = {"at_ms": 1_000, "actor": actor}
        answer = platform.handlers[endpoint].call(Context(**known | context), request)
        return answer.result(30) if isinstance(answer, Future) else answer

    return call


@pytest.fixture(params=["memory", "sqlite"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    uri = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 's.db'}"
    opened = open_platform(uri)
    yield opened
    opened.close()


@pytest.fixture
def call(platform: Platform) -> Call:
    return calling(platform)
