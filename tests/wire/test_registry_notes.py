"""What is said and known of versions: comments, lineage, manifests."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, MISSING, done, ok, refused, turned_away
from tests.wire.marks import differs

pytestmark = differs("MLflow has none of it")

PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


@pytest.fixture
def model(api: Api) -> str:
    return build.add_registered(api)


def put(api: Api, run: str, path: str, body: bytes) -> str:
    """Upload a file of a run; returns the URI of its folder."""
    root = build.info(api, run)["artifact_uri"]
    below = root.removeprefix("mlflow-artifacts:/")
    reply = api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{below}/{path}", body=body)
    assert reply.status == 200, reply
    return f"{root}/{path.rpartition('/')[0]}"


def registered(api: Api, model: str, run: str) -> None:
    put(api, run, "net/MLmodel", b"flavors: {}\n")
    source = put(api, run, "net/data/weights.bin", b"1234")
    build.add_version(api, model, source=source.removesuffix("/data"), run_id=run)


def ask(api: Api, what: str, model: str, version: object = "1") -> Reply:
    return api.get(f"model-versions/{what}", {"name": model, "version": str(version)})


# Manifests


def test_a_manifest_lists_all_files(api: Api, model: str, run: str) -> None:
    registered(api, model, run)

    found = ok(ask(api, "manifest", model))["manifest"]

    files = {one["path"]: (one["size"], one["sha256"]) for one in found["files"]}
    assert found["state"] == "RECORDED"
    assert files == {
        "MLmodel": (12, hashlib.sha256(b"flavors: {}\n").hexdigest()),
        "data/weights.bin": (4, hashlib.sha256(b"1234").hexdigest()),
    }
    lines = "".join(f"{sha256} {size} {path}\n" for path, (size, sha256) in sorted(files.items()))
    assert found["digest"] == hashlib.sha256(lines.encode()).hexdigest()
    assert ok(ask(api, "verify", model)) == {"ok": True, "manifest": found}


def test_what_was_registered_stays_as_it_is(api: Api, model: str, run: str) -> None:
    registered(api, model, run)
    below = build.info(api, run)["artifact_uri"].removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{below}/net/data/weights.bin"

    turned_away(api.request("PUT", path, body=b"1235"), 409)

    assert ok(ask(api, "verify", model))["ok"] is True


def test_what_the_server_cannot_read_says_so(api: Api, model: str) -> None:
    build.add_version(api, model)

    found = ok(ask(api, "manifest", model))["manifest"]

    assert found["state"] == "UNREADABLE"
    assert found["message"]
    assert "files" not in found
    refused(ask(api, "verify", model), INVALID, "manifest")


def test_prompts_have_no_files(api: Api, model: str) -> None:
    build.add_version(api, model, source="dummy-source", tags=PROMPT)

    refused(ask(api, "manifest", model), MISSING, "prompt")


@pytest.mark.parametrize("what", ["manifest", "verify", "lineage"])
def test_versions_that_are_not_there(api: Api, model: str, what: str) -> None:
    refused(ask(api, what, model), MISSING, model)


# Lineage


def test_lineage(api: Api, model: str, run: str, experiment: str) -> None:
    dataset = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}"}
    used = {"dataset": dataset, "tags": build.items({"mlflow.data.context": "train"})}
    done(api.post("runs/log-inputs", {"run_id": run, "datasets": [used]}))
    build.log(api, run, tags=build.items({"mlflow.source.git.commit": "abc"}))
    build.add_version(api, model, source=f"runs:/{run}/m", run_id=run)
    other = build.add_registered(api)
    build.add_version(api, other, source=f"models:/{model}/1")

    found = ok(ask(api, "lineage", model))["lineage"]
    copied = ok(ask(api, "lineage", other))["lineage"]

    assert (found["run_id"], found["experiment_id"]) == (run, experiment)
    assert found["datasets"] == [used]
    assert found["code"] == {"commit": "abc"}
    assert found["children"] == [{"name": other, "version": "1"}]
    assert copied["parent"] == {"name": model, "version": "1"}
    where = {"filter": f"dataset.digest = 'd1' AND name IN ('{model}', '{other}')"}
    by_data = ok(api.get("model-versions/search", where))["model_versions"]
    assert {one["name"] for one in by_data} == {model, other}


def test_lineage_of_a_version_from_nowhere(api: Api, model: str) -> None:
    build.add_version(api, model)

    found = ok(ask(api, "lineage", model))["lineage"]

    assert found == {"name": model, "version": "1", "source": "s3://bucket/model"}


# Comments


def comment(api: Api, model: str, text: str, **more: object) -> dict[str, Any]:
    message = {"name": model, "comment": text, **more}
    return dict(ok(api.post("comments/create", message))["comment"])


def listed(api: Api, model: str, **more: object) -> list[str]:
    found = ok(api.get("comments/list", {"name": model, **more}))
    return [one["comment"] for one in found.get("comments", [])]


def test_comments(api: Api, model: str) -> None:
    build.add_version(api, model)
    first = comment(api, model, "*well*")
    comment(api, model, "second")
    comment(api, model, "of a version", version="1")

    assert listed(api, model) == ["*well*", "second"]
    assert listed(api, model, version="1") == ["of a version"]
    assert first["creation_timestamp"] == first["last_updated_timestamp"]
    assert first["user_id"]
    message = {"name": model, "id": first["id"], "comment": "better"}
    changed = ok(api.patch("comments/update", message))["comment"]
    assert changed["comment"] == "better"
    done(api.delete("comments/delete", {"name": model, "id": first["id"]}))
    assert listed(api, model) == ["second"]
    refused(api.delete("comments/delete", {"name": model, "id": first["id"]}), MISSING)


def test_pages_of_comments(api: Api, model: str) -> None:
    for number in range(3):
        comment(api, model, str(number))

    page = ok(api.get("comments/list", {"name": model, "max_results": 2}))
    rest = listed(api, model, max_results=2, page_token=page["next_page_token"])

    assert len(page["comments"]) == 2
    assert len(rest) == 1


def test_comments_that_are_refused(api: Api, model: str) -> None:
    for message, code in (
        ({"name": model, "comment": ""}, INVALID),
        ({"name": model, "comment": "x" * 65_537}, INVALID),
        ({"name": model, "comment": "x", "version": "one"}, INVALID),
        ({"name": model, "comment": "x", "version": "7"}, MISSING),
        ({"name": build.unique(), "comment": "x"}, MISSING),
    ):
        refused(api.post("comments/create", message), code)
    refused(api.get("comments/list", {"name": build.unique()}), MISSING)
