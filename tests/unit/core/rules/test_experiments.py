"""What an experiment may be told, above all where it keeps its artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits
from millrace.core.rules.experiments import HOST_ADDRESSED, Locations, artifact_location, tag

FOLDER = Path("/home/ada/work")


def place(value: str, *schemes: str, local: bool = True, longest: int = 2048) -> str:
    allowed = Locations(max_length=longest, schemes=schemes, local=local, folder=FOLDER)
    return artifact_location(value, allowed)


@pytest.mark.parametrize(
    "value",
    [
        "s3://bucket",
        "s3://bucket/a/b",
        "S3://bucket/a",
        "gs://bucket/a b",
        "wasbs://container@account.blob.core.windows.net/a",
        "mlflow-artifacts:/",
        "mlflow-artifacts:/a/b",
        "dbfs:/a",
        "file:///srv/a",
        "/srv/a",
        "/",
        "s3://bucket/..a/b..",
        "s3://bucket/100%25",
        "/srv/größe",
    ],
)
def test_a_place_is_kept_as_it_was_given(value: str) -> None:
    assert place(value) == value


@pytest.mark.parametrize(
    ("value", "absolute"),
    [("a", "a"), ("a/b", "a/b"), ("./a", "a"), ("a b", "a b"), ("~ada", "~ada"), ("c:x", "c:x")],
)
def test_a_relative_place_is_below_the_working_folder(value: str, absolute: str) -> None:
    assert place(value) == f"/home/ada/work/{absolute}"


@pytest.mark.parametrize(
    "value",
    [
        "..",
        "../a",
        "a/../b",
        "/srv/..",
        "a\\..\\b",
        "%2e%2e/a",
        "a/%2E%2e%2Fb",
        "a/%252e%252e/b",
        "a/%25252e%25252e/b",
        "..%5ca",
        "s3://bucket/a/../b",
        "s3://bucket/%2e%2e/b",
        "s3://bucket/a/%252e%252e%252fb",
        "file:///srv/../etc",
        "file:../etc",
        "mlflow-artifacts:/../x",
    ],
)
def test_no_way_leads_up(value: str) -> None:
    with pytest.raises(InvalidArgument, match="'\\.\\.' segments"):
        place(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("s3://bucket/a#b", "fragment"),
        ("a#", "fragment"),
        ("s3://ada:pw@bucket/a", "user name or password"),
        ("s3://ada@bucket/a", "user name or password"),
        ("runs:/0123/a", "a run, not a place"),
        ("RUNS:/0123/a", "a run, not a place"),
        ("javascript:alert(1)", "not known"),
        ("JavaScript:alert(1)", "not known"),
        ("data:text/plain,a", "not known"),
        ("sqlite:///a.db", "not known"),
        ("models:/a/1", "not known"),
        ("weird://a/b", "not known"),
        ("s3://bucket/a?x=1", "query"),
        ("s3://bucket/a;x=1", "parameters"),
        ("file:///srv/a?x=1", "query"),
        ("/srv/a?x=1", "query"),
        ("/srv/a;x=1", "parameters"),
        ("s3://[bucket/a", "Invalid IPv6"),
        ("s3://bucket/a\nb", "U\\+000A"),
        ("a\0", "U\\+0000"),
        ("a\u202eb", "U\\+202E"),
    ],
)
def test_no_place(value: str, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        place(value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(InvalidArgument) as caught:
        place("s3://ada:hunter2@bucket/a")

    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("scheme", sorted(HOST_ADDRESSED))
def test_a_host_is_called_only_where_the_operator_allows_it(scheme: str) -> None:
    with pytest.raises(InvalidArgument, match="ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES"):
        place(f"{scheme.upper()}://host/a", "other")

    assert place(f"{scheme.upper()}://host/a", scheme) == f"{scheme.upper()}://host/a"


def test_the_artifacts_of_another_server_are_on_another_host() -> None:
    with pytest.raises(InvalidArgument, match="host"):
        place("mlflow-artifacts://host/a")

    assert place("mlflow-artifacts://host/a", "mlflow-artifacts") == "mlflow-artifacts://host/a"


def test_a_place_has_a_longest_length() -> None:
    longest = "/" + "a" * 9

    assert place(longest, longest=10) == longest
    with pytest.raises(InvalidArgument, match="maximum length of 10 characters: it has 11"):
        place(f"{longest}a", longest=10)


@pytest.mark.parametrize(
    "value",
    ["/srv/a", "a", "./a", "~ada", "c:x", "C:/x", "file:///a", "FILE:/a", "file://localhost/a"],
)
def test_a_local_place_is_for_the_operator_to_allow(value: str) -> None:
    with pytest.raises(InvalidArgument, match="--allow-local-artifact-locations"):
        place(value, local=False)


def test_a_scheme_of_a_plugin_is_for_the_operator_to_allow() -> None:
    assert place("weird://a/b", "weird") == "weird://a/b"


def test_a_tag_is_never_cut() -> None:
    longest = "ü" * limits.EXPERIMENT_TAG_VALUE_LENGTH

    assert tag("k", longest).value == longest
    assert tag("k", None).value == ""
    with pytest.raises(InvalidArgument, match=r"'k' exceeds .* 20000 .* has 20001"):
        tag("k", longest + "!")
    with pytest.raises(InvalidArgument):
        tag("k$", "v")
