"""Which account and address an Azure URI leads to, and that credentials go nowhere else."""

from __future__ import annotations

import pytest

from millrace.artifacts.open import open_artifacts
from millrace.core.errors import InvalidArgument

KEY = "c2VjcmV0LWtleQ=="


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECTION_STRING", "ACCOUNT_NAME", "ACCESS_KEY", "SAS_TOKEN"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)


@pytest.mark.parametrize(
    "uri",
    [
        "wasbs://c@acc.blob.core.windows.net/a/b",
        "wasb://c@acc.blob.core.windows.net",
        "abfss://c@acc.dfs.core.windows.net/a",
        "abfss://c@acc.dfs.core.usgovcloudapi.net/a",
    ],
)
def test_addresses_of_azure(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", KEY)

    open_artifacts(uri).close()


@pytest.mark.parametrize(
    "uri",
    [
        "wasbs://c@acc.evil.example/a",
        "wasbs://c@evil.example/a",
        "abfss://c@acc.blob.core.windows.net.evil.example/a",
        "abfss://c@127.0.0.1:8080/a",
        "wasbs://c@acc.blob.core.windows.net:8080/a",
    ],
)
def test_credentials_go_to_no_other_address(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=s3cret")

    with pytest.raises(InvalidArgument, match="no address of Azure") as caught:
        open_artifacts(uri)

    assert "s3cret" not in caught.value.message


def test_a_connection_string_is_for_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=mine;AccountKey={KEY}")

    open_artifacts("az://c/x").close()
    open_artifacts("wasbs://c@mine.blob.core.windows.net/x").close()
    with pytest.raises(InvalidArgument, match="for the account 'mine'"):
        open_artifacts("wasbs://c@yours.blob.core.windows.net/x")


@pytest.mark.parametrize("uri", ["az://c/x", "az:///x", "wasbs://c:pw@a.blob.core.windows.net/x"])
def test_what_names_no_account_or_container(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri)
