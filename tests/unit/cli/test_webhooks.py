"""`millrace webhooks` on a database."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from millrace.cli.main import main
from millrace.client.client import MillraceClient
from millrace.services.platform import open_platform
from tests.receivers import receiving, status
from tests.unit.cli.conftest import Millrace

URL = "https://8.8.8.8/hook"


@pytest.fixture(autouse=True)
def _server(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_BACKEND_STORE_URI", uri)


def create(said: Callable[..., Any], *events: str, url: str = URL) -> str:
    options = [part for event in events or ("run.ended",) for part in ("--event", event)]
    made: str = said("webhooks", "create", "-n", "notify", "--url", url, *options)["webhook_id"]
    return made


def test_a_webhook_is_made_listed_and_deleted(said: Any, millrace: Millrace) -> None:
    made = create(said, "run.ended", "model_version.created")

    (row,) = millrace("webhooks", "list").stdout.splitlines()[1:]
    assert row.split()[:3] == [made, "notify", "ACTIVE"]
    assert "run.ended, model_version.created" in row
    millrace("webhooks", "delete", made)
    assert said("webhooks", "list") == []


def test_a_secret_is_read_from_the_standard_input(uri: str, millrace: Millrace) -> None:
    args = ["webhooks", "create", "-n", "n", "--url", URL, "--event", "run.ended"]
    made = CliRunner().invoke(main, [*args, "--secret-stdin", "--output", "json"], input="canary\n")
    webhook_id = json.loads(made.stdout)["webhook_id"]

    with closing(open_platform(uri)) as platform:
        assert platform.stores.webhooks.secret(webhook_id) is not None
    assert "1 secrets" in millrace("webhooks", "rotate-key").stdout
    for file in Path(uri.removeprefix("sqlite:///")).parent.iterdir():
        assert b"canary" not in file.read_bytes()


def test_an_unknown_event_is_told(millrace: Millrace) -> None:
    said = millrace(
        "webhooks", "create", "-n", "n", "--url", URL, "--event", "run.exploded", code=2
    )
    assert "run.ended" in said.output


def test_a_url_that_leads_inside_is_told(millrace: Millrace) -> None:
    args = ("-n", "n", "--url", "https://127.0.0.1/", "--event", "run.ended")
    assert "not public" in millrace("webhooks", "create", *args, code=1).output


def test_a_failed_delivery_is_shown_and_replayed(
    uri: str,
    client: MillraceClient,
    said: Any,
    millrace: Millrace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving(status(410)) as receiver:
        monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", receiver.place)
        monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOW_HTTP", "true")
        made = create(said, "experiment.created", url=receiver.url)
        client.create_experiment("told")
        with closing(open_platform(uri)) as platform:
            (claim,) = platform.webhooks.claim(limit=9)
            platform.webhooks.deliver(claim)

        (failed,) = said("webhooks", "deliveries", made, "--state", "failed")
        assert (failed["event"], failed["response_status"]) == ("experiment.created", 410)
        assert "410" in millrace("webhooks", "deliveries", made).stdout
        assert "due again" in millrace("webhooks", "replay", made, failed["delivery_id"]).stdout
        (waiting,) = said("webhooks", "deliveries", made)
        assert waiting["state"] == "WAITING"
