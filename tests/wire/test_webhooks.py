"""Webhooks over HTTP: the contract's calls, and URLs that lead where they must not (S20 to S23)."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

PATH = "/api/2.0/mlflow/webhooks"
# A public address: no name has to be resolved, and nothing is called before an event.
PUBLIC = "https://8.8.8.8/hook"
EVENT = {"entity": "MODEL_VERSION", "action": "CREATED"}


def message(**fields: object) -> dict[str, object]:
    return {"name": build.unique(), "url": PUBLIC, "events": [EVENT], **fields}


def add(api: Api, **fields: object) -> dict[str, object]:
    made: dict[str, object] = ok(api.post(PATH, message(**fields)))["webhook"]
    return made


def test_a_webhook_is_shown_without_its_secret(api: Api) -> None:
    made = add(api, secret="canary-8f", description="d")

    reply = api.get(f"{PATH}/{made['webhook_id']}")
    assert ok(reply)["webhook"] == made
    assert made["status"] == "ACTIVE"
    assert made["events"] == [EVENT]
    assert "canary" not in reply.text


def test_a_webhook_is_updated(api: Api) -> None:
    made = add(api)
    path = f"{PATH}/{made['webhook_id']}"
    changed = ok(api.patch(path, {"status": "DISABLED", "name": "new"}))["webhook"]

    assert (changed["status"], changed["name"], changed["url"]) == ("DISABLED", "new", PUBLIC)


def test_webhooks_are_listed_and_deleted(api: Api) -> None:
    made = add(api)
    assert made["webhook_id"] in {
        one["webhook_id"] for one in ok(api.get(PATH, {"max_results": "1000"}))["webhooks"]
    }

    done(api.delete(f"{PATH}/{made['webhook_id']}"))
    refused(api.get(f"{PATH}/{made['webhook_id']}"), "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "ftp://8.8.8.8/",
    ],
)
def test_a_url_that_leads_inside_is_refused(api: Api, url: str) -> None:
    made = add(api)

    refused(api.post(PATH, message(url=url)), INVALID)
    refused(api.patch(f"{PATH}/{made['webhook_id']}", {"url": url}), INVALID)


@differs("stricter about what a URL may hold")
@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@8.8.8.8/",
        "https://8.8.8.8/#x",
        "https://8.8.8.8:22/",
        "https://8.8.8.8/\r\nHost: x",
    ],
)
def test_odd_urls_are_refused(api: Api, url: str) -> None:
    refused(api.post(PATH, message(url=url)), INVALID)


@pytest.mark.parametrize(
    "fields",
    [
        {"events": []},
        {"events": [{"entity": "NOBODY", "action": "CREATED"}]},
        {"events": [{"entity": "MODEL_VERSION", "action": "EXCEEDED"}]},
        {"status": "SLEEPING"},
        {"name": ""},
    ],
)
def test_odd_fields_are_refused(api: Api, fields: dict[str, object]) -> None:
    refused(api.post(PATH, message(**fields)), INVALID)


@differs("endpoints of ours")
def test_the_log_of_a_webhook_that_heard_nothing_is_empty(api: Api) -> None:
    made = add(api)
    path = f"/api/2.0/millrace/webhooks/{made['webhook_id']}/deliveries"

    assert ok(api.get(path)) == {}
    refused(api.post(f"{path}/none/replay", {}), "RESOURCE_DOES_NOT_EXIST")
    assert api.send("DELETE", path, {}).status == 405
