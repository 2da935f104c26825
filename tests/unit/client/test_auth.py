from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from millrace.client import auth
from millrace.client.client import MillraceClient
from millrace.client.connect import without_credentials
from millrace.client.transports import choose
from millrace.core.errors import InvalidArgument
from tests.unit.http.standin import Told, standin

SetEnv = Callable[..., None]


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> SetEnv:
    def set_(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_


def authorization(uri: str) -> str | None:
    return auth.address(uri).headers().get("Authorization")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("prefix", ["MLFLOW", "MILLRACE"])
def test_credentials_come_from_the_environment(setenv: SetEnv, prefix: str):
    assert authorization("http://h") is None

    setenv(**{f"{prefix}_TRACKING_TOKEN": "tök"})
    assert authorization("http://h") == "Bearer tök"
    setenv(**{f"{prefix}_TRACKING_USERNAME": "u"})
    assert authorization("http://h") == "Bearer tök"
    setenv(**{f"{prefix}_TRACKING_PASSWORD": "p:ä"})
    assert authorization("http://h") == basic("u:p:ä")


def test_a_renewed_token_counts_at_once(setenv: SetEnv):
    setenv(MLFLOW_TRACKING_TOKEN="old")
    address = auth.address("http://h")
    setenv(MLFLOW_TRACKING_TOKEN="new")

    assert address.headers()["Authorization"] == "Bearer new"


def test_credentials_in_the_uri_win_and_are_not_part_of_it(setenv: SetEnv):
    setenv(MLFLOW_TRACKING_TOKEN="t")
    address = auth.address("https://us%40er:p%2Fw@h:8443/mlops")

    assert address.base_url == "https://h:8443/mlops"
    assert address.headers()["Authorization"] == basic("us@er:p/w")


def test_contradicting_tls_settings_are_an_error(setenv: SetEnv, tmp_path: Path):
    ca = tmp_path / "ca.pem"
    ca.touch()
    setenv(MLFLOW_TRACKING_INSECURE_TLS="true", MLFLOW_TRACKING_SERVER_CERT_PATH=str(ca))

    with pytest.raises(InvalidArgument, match="unset one"):
        auth.options()


@pytest.mark.parametrize("name", ["SERVER_CERT_PATH", "CLIENT_CERT_PATH"])
def test_a_certificate_that_is_not_there_is_named(setenv: SetEnv, name: str):
    setenv(**{f"MLFLOW_TRACKING_{name}": "/nowhere.pem"})

    with pytest.raises(InvalidArgument, match=f"MLFLOW_TRACKING_{name}.*no such file"):
        auth.options()


def test_connection_settings_are_honoured(setenv: SetEnv, tmp_path: Path):
    pem = tmp_path / "client.pem"
    pem.touch()
    setenv(
        MLFLOW_TRACKING_CLIENT_CERT_PATH=str(pem),
        MLFLOW_HTTP_POOL_MAXSIZE="3",
        MLFLOW_ALLOW_HTTP_REDIRECTS="false",
        MLFLOW_HTTP_REQUEST_TIMEOUT="5",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR="0.5",
        MLFLOW_HTTP_REQUEST_BACKOFF_JITTER="0",
        MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER="false",
    )

    options, patience = auth.options(), auth.patience()

    assert options.tls.client_certificate == str(pem)
    assert (options.connections, options.redirects) == (3, False)
    assert (patience.timeout_s, patience.retries, patience.backoff_s) == (5.0, 1, 0.5)
    assert (patience.jitter_s, patience.respect_retry_after) == (0.0, False)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://u:p@h:1/x", "https://h:1/x"),
        ("postgresql://u:p@h/d?x=1", "postgresql://h/d?x=1"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("http://h", "http://h"),
    ],
)
def test_what_is_shown_holds_no_secret(uri: str, shown: str):
    assert without_credentials(uri) == shown


def test_a_plugin_adds_headers(monkeypatch: pytest.MonkeyPatch):
    """It is asked before each request, and wins."""
    tokens = iter("ab")
    monkeypatch.setitem(auth.HEADER_PLUGINS._builtin, "fake", "unused:unused")
    monkeypatch.setitem(
        auth.HEADER_PLUGINS._loaded, "fake", lambda: {"Authorization": f"SSO {next(tokens)}"}
    )
    address = auth.address("http://u:p@h")

    assert [address.headers()["Authorization"] for _ in range(2)] == ["SSO a", "SSO b"]


# --- Databricks --------------------------------------------------------------------------------


@pytest.fixture
def config(setenv: SetEnv, tmp_path: Path) -> Path:
    path = tmp_path / "databrickscfg"
    setenv(DATABRICKS_CONFIG_FILE=str(path))
    return path


def test_a_profile_says_host_and_token(config: Path):
    config.write_text("[dev]\nhost = dev.example/\ntoken = 100%abc\n")

    address = auth.address("databricks://dev")

    assert address.base_url == "https://dev.example"
    assert address.headers()["Authorization"] == "Bearer 100%abc"


def test_a_profile_may_have_a_password(config: Path):
    config.write_text("[DEFAULT]\nhost = https://d\nusername = u\npassword = p\n")

    assert authorization("databricks") == basic("u:p")


def test_the_environment_wins_over_the_file_but_not_over_a_named_profile(
    config: Path, setenv: SetEnv
):
    config.write_text("[DEFAULT]\nhost=https://file\ntoken=f\n[dev]\nhost=https://dev\ntoken=d\n")
    setenv(DATABRICKS_HOST="https://env", DATABRICKS_TOKEN="e")

    assert authorization("databricks") == "Bearer e"
    assert authorization("databricks://dev") == "Bearer d"


def test_the_environment_may_choose_the_profile(config: Path, setenv: SetEnv):
    config.write_text("[dev]\nhost=https://dev\ntoken=d\n")
    setenv(DATABRICKS_CONFIG_PROFILE="dev")

    assert authorization("databricks") == "Bearer d"


@pytest.mark.parametrize(
    ("text", "uri", "said"),
    [
        ("", "databricks://dev", "No profile 'dev'"),
        ("", "databricks", "has no host"),
        ("[dev]\nhost=h\n", "databricks://dev", "neither a token nor a password"),
        ("token=secret-without-section", "databricks", "cannot be read"),
    ],
)
def test_what_is_missing_is_said_without_telling_secrets(
    config: Path, text: str, uri: str, said: str
):
    config.write_text(text)

    with pytest.raises(InvalidArgument, match=said) as caught:
        auth.address(uri)

    assert "secret" not in str(caught.value)


def test_a_workspace_is_asked_as_it_expects(setenv: SetEnv):
    reply = {
        "experiments": [{"experiment_id": "1", "name": "/Users/me/x", "artifact_location": ""}]
    }
    with standin(Told.json(reply)) as workspace:
        setenv(DATABRICKS_HOST=workspace.url, DATABRICKS_TOKEN="dapi-1")
        client = MillraceClient("databricks")
        [found] = client.search_experiments()

    [asked] = workspace.asked
    assert found.name == "/Users/me/x"
    assert asked.path == "/api/2.0/mlflow/experiments/search"
    assert asked.headers["authorization"] == "Bearer dapi-1"
    assert asked.headers["user-agent"].startswith("millrace-python-client/")


def test_no_secret_shows_in_a_transport(setenv: SetEnv):
    setenv(MLFLOW_TRACKING_TOKEN="canary")
    transport = choose("https://u:canary@h")

    assert "canary" not in repr(transport) + repr(vars(transport)) + repr(auth.address("http://h"))
