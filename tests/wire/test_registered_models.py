"""Registered models: create, rename, update, tags, aliases, latest versions, delete."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import EXISTS, INVALID, MISSING, done, ok, pairs, refused
from tests.wire.marks import differs

PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


@pytest.fixture
def model(api: Api) -> str:
    return build.add_registered(api)


def test_a_model_of_defaults(api: Api) -> None:
    name = build.unique()

    made = ok(api.post("registered-models/create", {"name": name}))["registered_model"]

    assert made == {
        "name": name,
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
    }
    assert build.registered(api, name) == made


def test_a_model_with_all_fields(api: Api) -> None:
    tags = build.items({"team": "vision", "ü": ""})
    name = build.add_registered(api, description="# Digits\n\nreads them", tags=tags)

    found = build.registered(api, name)

    assert found["description"] == "# Digits\n\nreads them"
    assert pairs(found["tags"]) == {"team": "vision", "ü": ""}


def test_the_last_of_equal_tags_wins(api: Api) -> None:
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]

    assert pairs(build.registered(api, build.add_registered(api, tags=twice))["tags"]) == {"a": "2"}


def test_a_taken_name(api: Api, model: str) -> None:
    refused(api.post("registered-models/create", {"name": model}), EXISTS, model)


def test_models_and_prompts_share_their_names(api: Api) -> None:
    prompt = build.add_registered(api, tags=PROMPT)

    message = refused(api.post("registered-models/create", {"name": prompt}), EXISTS, prompt)

    assert "prompt" in message


@pytest.mark.parametrize("name", ["a/b", "a:b", " ", "..", "a/../b"])
def test_bad_names(api: Api, model: str, name: str) -> None:
    refused(api.post("registered-models/create", {"name": name}), INVALID)
    refused(api.post("registered-models/rename", {"name": model, "new_name": name}), INVALID)


@differs("what people cannot tell apart, or a database could not keep, is no name")
@pytest.mark.parametrize("name", ["a\nb", "a\u202eb", "n" * 257, "ü" * 129])
def test_names_that_mislead(api: Api, name: str) -> None:
    refused(api.post("registered-models/create", {"name": name}), INVALID)


@pytest.mark.parametrize("name", ["a b", "m@1", "ü.x", "-", "100%", "a'b", 'a"b'])
def test_good_names(api: Api, name: str) -> None:
    full = f"{build.unique()} {name}"

    assert build.add_registered(api, name=full) == full
    assert build.registered(api, full)["name"] == full


def test_names_are_case_sensitive(api: Api) -> None:
    name = build.add_registered(api)

    assert build.add_registered(api, name=name.upper()) == name.upper()


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "registered-models/rename", {"new_name": "x"}),
        ("PATCH", "registered-models/update", {"description": "x"}),
        ("DELETE", "registered-models/delete", {}),
        ("POST", "registered-models/get-latest-versions", {}),
        ("POST", "registered-models/set-tag", {"key": "k", "value": "v"}),
        ("DELETE", "registered-models/delete-tag", {"key": "k"}),
        ("POST", "registered-models/alias", {"alias": "a", "version": "1"}),
        ("DELETE", "registered-models/alias", {"alias": "a"}),
        ("POST", "model-versions/create", {"source": "s3://b/m"}),
        ("PATCH", "model-versions/update", {"version": "1"}),
        ("POST", "model-versions/transition-stage", {"version": "1", "stage": "None"}),
        ("DELETE", "model-versions/delete", {"version": "1"}),
        ("POST", "model-versions/set-tag", {"version": "1", "key": "k", "value": "v"}),
        ("DELETE", "model-versions/delete-tag", {"version": "1", "key": "k"}),
    ],
)
def test_unknown_models_are_named(
    api: Api, method: str, path: str, more: dict[str, object]
) -> None:
    name = build.unique()

    refused(api.send(method, path, {"name": name, **more}), MISSING, name)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("registered-models/get", {}),
        ("registered-models/alias", {"alias": "champion"}),
        ("model-versions/get", {"version": "1"}),
        ("model-versions/get-download-uri", {"version": "1"}),
    ],
)
def test_unknown_models_are_named_by_reads(api: Api, path: str, more: dict[str, object]) -> None:
    name = build.unique()

    refused(api.get(path, {"name": name, **more}), MISSING, name)


# Changes


def test_rename_takes_everything_along(api: Api) -> None:
    old, new = build.add_registered(api, tags=build.items({"t": "1"})), build.unique()
    build.add_version(api, old, tags=build.items({"v": "1"}))
    build.add_version(api, old)
    build.transition(api, old, 1, "Production")
    build.point_alias(api, old, "champion", 1)

    renamed = ok(api.post("registered-models/rename", {"name": old, "new_name": new}))

    found = build.registered(api, new)
    assert renamed == {"registered_model": found}
    assert pairs(found["tags"]) == {"t": "1"}
    assert found["aliases"] == [{"alias": "champion", "version": "1"}]
    assert {one["name"] for one in found["latest_versions"]} == {new}
    moved = build.version(api, new, 1)
    assert (moved["name"], moved["current_stage"], moved["aliases"]) == (
        new,
        "Production",
        ["champion"],
    )
    refused(api.get("registered-models/get", {"name": old}), MISSING, old)
    refused(api.get("model-versions/get", {"name": old, "version": "1"}), MISSING, old)
    assert build.add_version(api, new)["version"] == "3"


def test_rename_to_a_taken_name(api: Api, model: str) -> None:
    other = build.add_registered(api)

    reply = api.post("registered-models/rename", {"name": model, "new_name": other})

    refused(reply, EXISTS, other)


def test_rename_to_itself(api: Api, model: str) -> None:
    build.add_version(api, model)

    found = ok(api.post("registered-models/rename", {"name": model, "new_name": model}))

    assert found["registered_model"]["name"] == model
    assert build.version(api, model, 1)["name"] == model


def test_update(api: Api, model: str) -> None:
    before = build.registered(api, model)
    message = {"name": model, "description": "of *digits*"}

    found = ok(api.patch("registered-models/update", message))["registered_model"]

    assert found["description"] == "of *digits*"
    assert found["last_updated_timestamp"] >= before["last_updated_timestamp"]
    assert build.registered(api, model) == found


@differs("MLflow forgets the description when a PATCH does not name it")
def test_update_keeps_what_it_does_not_name(api: Api) -> None:
    model = build.add_registered(api, description="kept")
    build.add_version(api, model, description="kept, too")

    found = ok(api.patch("registered-models/update", {"name": model}))["registered_model"]
    version = ok(api.patch("model-versions/update", {"name": model, "version": "1"}))

    assert found["description"] == "kept"
    assert version["model_version"]["description"] == "kept, too"


@differs("descriptions have a limit of 64 KiB")
def test_long_descriptions(api: Api, model: str) -> None:
    fits, too_long = "ü" * 32_768, "ü" * 32_769

    ok(api.patch("registered-models/update", {"name": model, "description": fits}))
    refused(api.patch("registered-models/update", {"name": model, "description": too_long}))
    message = {"name": model, "source": "s3://b/m", "description": too_long}
    refused(api.post("model-versions/create", message), INVALID, "description")


def test_delete_takes_everything_along(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.transition(api, model, 1, "Production")
    build.point_alias(api, model, "champion", 1)

    done(api.delete("registered-models/delete", {"name": model}))

    refused(api.get("registered-models/get", {"name": model}), MISSING, model)
    refused(api.get("model-versions/get", {"name": model, "version": "1"}), MISSING, model)
    build.add_registered(api, name=model)
    assert build.add_version(api, model)["version"] == "1"


# Tags


def test_tags_are_set_and_deleted(api: Api, model: str) -> None:
    for value in ("1", "2"):
        done(api.post("registered-models/set-tag", {"name": model, "key": "k", "value": value}))
    done(api.post("registered-models/set-tag", {"name": model, "key": "other", "value": ""}))
    assert pairs(build.registered(api, model)["tags"]) == {"k": "2", "other": ""}

    for _ in range(2):
        done(api.delete("registered-models/delete-tag", {"name": model, "key": "k"}))

    assert pairs(build.registered(api, model)["tags"]) == {"other": ""}


def test_limits_of_tags(api: Api, model: str) -> None:
    def put(key: str, value: str) -> None:
        done(api.post("registered-models/set-tag", {"name": model, "key": key, "value": value}))

    put("k" * 250, "v" * 100_000)
    for key, value in (("k" * 251, "v"), ("k", "v" * 100_001), ("a$", "v"), ("a//b", "v")):
        message = {"name": model, "key": key, "value": value}
        refused(api.post("registered-models/set-tag", message), INVALID)


# Aliases


def test_an_alias_moves(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.add_version(api, model)
    for number in (1, 2, 2):
        build.point_alias(api, model, "champion", number)

    query = {"name": model, "alias": "champion"}
    found = ok(api.get("registered-models/alias", query))["model_version"]

    assert (found["version"], found["aliases"]) == ("2", ["champion"])
    assert "aliases" not in build.version(api, model, 1)
    assert build.registered(api, model)["aliases"] == [{"alias": "champion", "version": "2"}]


def test_aliases_are_sorted(api: Api, model: str) -> None:
    build.add_version(api, model)
    for alias in ("b", "ü", "a", "1", "v1a"):
        build.point_alias(api, model, alias, 1)

    names = ["1", "a", "b", "v1a", "ü"]
    assert [one["alias"] for one in build.registered(api, model)["aliases"]] == names
    assert sorted(build.version(api, model, 1)["aliases"]) == names


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V12", "a b", "a/b", "a.b", "x" * 256])
def test_bad_aliases(api: Api, model: str, alias: str) -> None:
    build.add_version(api, model)

    message = {"name": model, "alias": alias, "version": "1"}

    refused(api.post("registered-models/alias", message), INVALID)


def test_an_alias_of_a_version_that_is_not_there(api: Api, model: str) -> None:
    message = {"name": model, "alias": "a", "version": "7"}

    refused(api.post("registered-models/alias", message), MISSING, model, "7")


def test_an_unknown_alias_is_no_404(api: Api, model: str) -> None:
    refused(api.get("registered-models/alias", {"name": model, "alias": "a"}), INVALID, "a")
    refused(api.get("registered-models/alias", {"name": model, "alias": "v1"}), INVALID, "v1")


def test_latest_is_the_highest_version(api: Api, model: str) -> None:
    for _ in range(3):
        build.add_version(api, model)
    build.transition(api, model, 1, "Production")

    found = ok(api.get("registered-models/alias", {"name": model, "alias": "latest"}))

    assert found["model_version"]["version"] == "3"


def test_aliases_are_deleted(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.point_alias(api, model, "a", 1)
    build.point_alias(api, model, "b", 1)

    for _ in range(2):
        done(api.delete("registered-models/alias", {"name": model, "alias": "a"}))

    assert build.version(api, model, 1)["aliases"] == ["b"]
    assert build.registered(api, model)["aliases"] == [{"alias": "b", "version": "1"}]


def test_a_deleted_version_takes_its_aliases_along(api: Api, model: str) -> None:
    build.add_version(api, model)
    build.add_version(api, model)
    build.point_alias(api, model, "gone", 1)
    build.point_alias(api, model, "stays", 2)

    done(api.delete("model-versions/delete", {"name": model, "version": "1"}))

    assert build.registered(api, model)["aliases"] == [{"alias": "stays", "version": "2"}]
    refused(api.get("registered-models/alias", {"name": model, "alias": "gone"}), INVALID)


# Latest versions


@pytest.fixture
def staged(api: Api, model: str) -> str:
    """Versions 1 to 5: Production, Production, Archived, None, None."""
    for _ in range(5):
        build.add_version(api, model)
    for number, stage in ((1, "Production"), (2, "Production"), (3, "Archived")):
        build.transition(api, model, number, stage)
    return model


def latest(found: dict[str, object], key: str = "model_versions") -> dict[str, str]:
    return {one["current_stage"]: one["version"] for one in found.get(key, [])}  # type: ignore[attr-defined]  # a list


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_latest_versions(api: Api, staged: str, method: str) -> None:
    def ask(**more: object) -> dict[str, str]:
        message = {"name": staged, **more}
        path = "registered-models/get-latest-versions"
        return latest(ok(api.get(path, message) if method == "GET" else api.post(path, message)))

    every = {"Production": "2", "Archived": "3", "None": "5"}
    assert ask() == every
    assert ask(stages=["production", "Staging"]) == {"Production": "2"}
    assert ask(stages=["NONE", "none"]) == {"None": "5"}
    assert latest(build.registered(api, staged), "latest_versions") == every


def test_latest_versions_of_an_unknown_stage(api: Api, staged: str) -> None:
    message = {"name": staged, "stages": ["Live"]}

    refused(api.post("registered-models/get-latest-versions", message), INVALID, "Live")


def test_latest_versions_of_a_model_without_any(api: Api, model: str) -> None:
    assert ok(api.get("registered-models/get-latest-versions", {"name": model})) == {}
    assert "latest_versions" not in build.registered(api, model)


def test_latest_versions_follow_changes(api: Api, staged: str) -> None:
    done(api.delete("model-versions/delete", {"name": staged, "version": "2"}))
    message = {"name": staged, "version": "5", "key": "k", "value": "v"}
    done(api.post("model-versions/set-tag", message))
    ok(api.patch("model-versions/update", {"name": staged, "version": "3", "description": "d"}))
    build.point_alias(api, staged, "champion", 1)

    by_number = {one["version"]: one for one in build.registered(api, staged)["latest_versions"]}

    assert by_number.keys() == {"1", "3", "5"}
    for number, shown in by_number.items():
        assert shown == build.version(api, staged, number)
    assert by_number["1"]["aliases"] == ["champion"]
    assert by_number["3"]["description"] == "d"
    assert pairs(by_number["5"]["tags"]) == {"k": "v"}
