"""`millrace registry policy`, `request`, `approve`, `rollback`, on a database without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient

POLICY = """
models: "digi*"
guards:
  - stage: Production
  - alias: champion
approvals: 1
self_approval: true
rollback: free
"""


@pytest.fixture
def model(client: MillraceClient, millrace, tmp_path: Path) -> str:
    """`digits` with two versions, version 1 in Production, under a policy."""
    client.create_registered_model("digits")
    for number in range(2):
        client.create_model_version("digits", f"s3://bucket/{number}")
    client.transition_model_version_stage("digits", 1, "Production")
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    told = millrace("registry", "policy", "set", str(file)).stdout
    assert told == "The policy for 'digi*' is set.\n"
    return "digits"


def test_policies(millrace, said, model: str, tmp_path: Path) -> None:
    assert [one["models"] for one in said("registry", "policy", "list")] == ["digi*"]
    assert "Production, @champion" in millrace("registry", "policy", "list").stdout
    shown = json.loads(millrace("registry", "policy", "show", model).stdout)
    assert shown["rollback"] == "free"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("models: a\nguards: []\ngate: {}\n")
    assert "no approval policy" in millrace("registry", "policy", "set", str(wrong), code=1).stderr
    millrace("registry", "policy", "delete", "digi*")
    assert said("registry", "policy", "list") == []


def test_asking_agreeing_and_going_back(millrace, said, client: MillraceClient, model: str) -> None:
    refused = millrace("registry", "transition", model, "2", "Production", code=1).stderr
    assert "transition-requests/create" in refused
    assert "millrace registry request" in refused

    asked = said("registry", "request", model, "2", "--stage", "Production", "--archive-existing")[
        "id"
    ]
    millrace("registry", "discuss", model, asked, "why?")
    assert "0 of 1" in millrace("registry", "requests", model).stdout
    assert (
        f"Request {asked} is approved (1 of 1 approved).\n"
        == millrace("registry", "approve", model, asked, "--comment", "good").stdout
    )
    assert client.get_model_version(model, 2).current_stage == "Production"
    shown = json.loads(millrace("registry", "requests", model, asked).stdout)
    assert [one["verdict"] for one in shown["opinions"]] == ["COMMENT", "APPROVE"]

    told = millrace("registry", "rollback", model, "--stage", "Production").stdout
    assert told == "version 2: Production -> None\nversion 1: Archived -> Production\n"


def test_a_request_is_ended(millrace, said, model: str) -> None:
    for word, state in (("reject", "REJECTED"), ("cancel", "CANCELLED")):
        asked = said("registry", "request", model, "2", "--alias", "champion")["id"]
        millrace("registry", word, model, asked)
        assert state in [one["state"] for one in said("registry", "requests", model)]
        assert "cannot be decided" in millrace("registry", "approve", model, asked, code=1).stderr


def test_an_inbox_over_all_models(millrace, said, model: str) -> None:
    asked = said("registry", "request", model, "2", "--stage", "Production")["id"]

    def listed(*options: str) -> list[str]:
        return [one["id"] for one in said("registry", "requests", *options)]

    assert listed() == listed("--waiting") == listed("--mine") == [asked]
    assert listed(model, "--version", "1") == listed("--state", "rejected") == []
    assert model in millrace("registry", "requests").stdout
    assert "--version needs" in millrace("registry", "requests", "--version", "1", code=2).stderr
