"""Signatures against AWS's published example, and where keys come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.artifacts import aws
from millrace.artifacts.open import open_artifacts
from millrace.core.errors import InvalidArgument

KEYS = aws.Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def test_the_signature_of_the_published_example() -> None:
    """Amazon S3 API reference, "Authenticating Requests: Using Query Parameters"."""
    request = aws.Request(method="GET", url="https://examplebucket.s3.amazonaws.com/test.txt")

    query = aws.presigned(request, KEYS, region="us-east-1", ttl_s=86400, at_ms=1_369_353_600_000)

    assert query["X-Amz-Signature"] == (
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_keys_do_not_show_their_secret() -> None:
    assert KEYS.secret_key not in repr(KEYS) + str(KEYS)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = d\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = w\naws_session_token = t%20\n"
    )
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-north-1\n"
        "[profile sso]\nsso_session = x\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "keys", "region"),
    [
        ({}, aws.Keys("D", "d"), "eu-west-1"),
        ({"AWS_PROFILE": "work"}, aws.Keys("W", "w", "t%20"), "eu-north-1"),
        ({"AWS_PROFILE": "work", "AWS_REGION": "r"}, aws.Keys("W", "w", "t%20"), "r"),
        (
            {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "e", "AWS_PROFILE": "work"},
            aws.Keys("E", "e"),
            "eu-north-1",
        ),
    ],
)
def test_where_keys_come_from(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    keys: aws.Keys,
    region: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    found = aws.identity()

    assert found.keys is not None
    assert (found.keys(), found.region) == (keys, region)


def test_keys_of_a_file_are_read_anew(home: Path) -> None:
    """Other programs renew what is in there."""
    found = aws.identity()
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = N\naws_secret_access_key = n\n"
    )

    assert found.keys is not None
    assert found.keys() == aws.Keys("N", "n")


def test_without_any_keys_obstore_looks_for_roles(home: Path) -> None:
    (home / "credentials").unlink()

    assert aws.identity() == aws.Identity(None, "eu-west-1")


@pytest.mark.parametrize("profile", ["sso", "nobody"])
def test_a_profile_without_keys_is_explained(
    home: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", profile)

    with pytest.raises(InvalidArgument, match=r"boto3"):
        open_artifacts("s3://bucket/x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"ACL": "public-read"}', "ACL cannot be sent"),
        ('{"Foo": 1, "Bar": 2}', "Bar, Foo cannot be sent"),
        ("[1]", "no JSON object"),
        ("{", "no JSON object"),
    ],
)
def test_upload_arguments_that_cannot_be_kept_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", text)

    with pytest.raises(InvalidArgument, match=why):
        open_artifacts("s3://bucket/x")


def test_upload_arguments_that_are_known(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "MLFLOW_S3_UPLOAD_EXTRA_ARGS",
        '{"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "ACL": "private"}',
    )

    open_artifacts("s3://bucket/x").close()


@pytest.mark.parametrize("uri", ["s3://", "s3:///x", "s3://u:p@b/x", "s3://b/x?y=1", "s3://b:1/x"])
def test_uris_that_name_no_bucket(home: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri)
