"""A server says what it runs on, and nothing that its operator would keep."""

from __future__ import annotations

import pytest

from millrace.server.config import ServerConfig, stated
from millrace.services.platform import Platform
from millrace.stores.memory import MemoryStores
from tests.unit.services.conftest import calling


def test_settings_are_told_with_what_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_WORKERS", "3")
    monkeypatch.setenv("MILLRACE_REGISTRY_STORE_URI", "postgresql://ada:swordfish@host/db")
    config = ServerConfig(port=5_001, artifacts_destination="/srv/swordfish")
    call = calling(Platform(MemoryStores(), stated=stated(config)))

    told = call("getServerState")

    by_name = {one.name: one for one in told.settings}
    port, workers = by_name["MILLRACE_PORT"], by_name["MILLRACE_WORKERS"]
    assert (port.source, port.value, port.default) == ("command line", "5001", "5000")
    assert (workers.source, workers.value) == ("MILLRACE_WORKERS", "3")
    serves = by_name["MILLRACE_SERVE_ARTIFACTS"]
    assert (serves.source, serves.value, serves.is_hidden) == ("default", "true", False)
    for name, source in [
        ("MILLRACE_REGISTRY_STORE_URI", "MILLRACE_REGISTRY_STORE_URI"),
        ("MILLRACE_ARTIFACTS_DESTINATION", "command line"),
    ]:
        one = by_name[name]
        assert (one.source, one.value, one.is_hidden) == (source, None, True)
    assert "swordfish" not in str(told)
    assert (told.store, told.is_ready) == ("memory", True)
