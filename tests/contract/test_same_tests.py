"""All stores pass the same tests, but for what one has not; that it has not, it says itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.core.errors import NotSupported
from millrace.stores.protocols import (
    ApprovalStore,
    ModelServerStore,
    RegistryStore,
    Stores,
    WebhookStore,
)
from tests.contract.conftest import FOUND, LACKING, OPENERS

# What is so without a registry, too, and may be asked for by those who have none.
_ANSWERED = {
    "versions_from", "versions_elsewhere", "locations_naming", "pending_manifests",
    "expire_servers",
    "webhook", "webhooks", "is_due", "tidy_deliveries",
}  # fmt: skip
_PARTS = {
    "registry": {
        "registry": RegistryStore,
        "approvals": ApprovalStore,
        "model_servers": ModelServerStore,
    },
    "webhooks": {"webhooks": WebhookStore},
}


def test_each_store_has_the_same_tests(request: pytest.FixtureRequest) -> None:
    """But for those that need what it lacks."""
    found = request.config.stash[FOUND]
    needs = {test: needed for tests in found.values() for test, needed in tests.items()}

    for store, tests in found.items():
        lacked = LACKING.get(store, frozenset())
        assert {test for test in needs if not needs[test] & lacked} == set(tests), store


def test_no_test_leaves_a_store_out_by_itself() -> None:
    """Then the lists above would say nothing."""
    for module in Path(__file__).parent.glob("test_*.py"):
        text = module.read_text()
        assert module.name == Path(__file__).name or "pytest.skip" not in text, module


def _functions() -> Iterator[tuple[str, str, str]]:
    for store, lacking in LACKING.items():
        for what in sorted(lacking):
            for part, protocol in _PARTS[what].items():
                for name in vars(protocol):
                    if not name.startswith("_") and name not in _ANSWERED:
                        yield store, part, name


@pytest.mark.parametrize(("store", "part", "function"), list(_functions()))
def test_what_a_store_lacks_needs_a_database(
    store: str, part: str, function: str, tmp_path: Path
) -> None:
    """Each function of it says so in a sentence, and names the way out."""
    opened = OPENERS[store](tmp_path)
    try:
        with pytest.raises(NotSupported, match=r"need.? a database.*sqlite:///"):
            getattr(getattr(opened, part), function)()
    finally:
        opened.close()


def test_what_is_so_without_it(tmp_path: Path) -> None:
    """Nothing comes from any run, nothing is due, and no registered model is taken in."""
    for store in LACKING:
        opened = OPENERS[store](tmp_path / store)
        try:
            _has_none(opened)
        finally:
            opened.close()


def _has_none(stores: Stores) -> None:
    assert stores.registry.versions_from(run_ids=["r"]) == {}
    assert stores.registry.versions_elsewhere() == []
    assert stores.registry.locations_naming("r") == []
    assert stores.registry.pending_manifests(9) == []
    assert stores.model_servers.expire_servers(1) == 0
    assert stores.webhooks.webhook("w") is None
    assert stores.webhooks.webhooks().items == ()
    assert not stores.webhooks.is_due(1)
    assert stores.webhooks.tidy_deliveries(1).result() == 0
