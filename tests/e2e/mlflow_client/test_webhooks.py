"""Webhooks by the stock client."""

from __future__ import annotations


def test_a_webhook_lives_as_the_client_knows_it(flow):
    seen = flow("life_of_a_webhook")

    name = seen["name"]
    assert seen["found"] == {
        "name": name,
        "url": "https://8.8.8.8/hook",
        "events": ["model_version.created", "model_version_alias.deleted"],
        "status": "ACTIVE",
        "description": "tells",
        "secret": None,
    }
    assert seen["changed"] == seen["found"] | {"name": f"{name} 2", "status": "DISABLED"}
    assert seen["is_listed"]
    assert seen["after_delete"] == "RESOURCE_DOES_NOT_EXIST"


def test_urls_that_lead_inside_are_refused(flow):
    assert flow("urls_that_lead_inside") == ["INVALID_PARAMETER_VALUE"] * 3
