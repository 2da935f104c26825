"""Every environment variable that Millrace honours, as one table.

`MILLRACE_X` wins over `MLFLOW_X`; both lose to an explicit argument. Nobody else reads the
environment. The reference page and `millrace doctor` derive from `SETTINGS`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")
Side = Literal["client", "server", "both"]


class Setting(Generic[T]):
    """One variable: its names, how it is read, its default, who honours it, what it means."""

    def __init__(  # noqa: PLR0913 - a table row has as many columns as it has
        self,
        name: str,
        read: Callable[[str], T],
        default: T,
        side: Side,
        doc: str,
        *,
        mlflow: str | None = None,
        secret: bool = False,
    ) -> None:
        self.name = f"MILLRACE_{name}"
        self.mlflow = mlflow
        self.default = default
        self.side = side
        self.doc = doc
        self.secret = secret
        self._read = read

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that are honoured, the strongest first."""
        return (self.name, self.mlflow) if self.mlflow else (self.name,)

    def source(self) -> str | None:
        """The variable that sets it now, or None when the default holds."""
        return next((name for name in self.names if os.environ.get(name)), None)

    def get(self) -> T:
        """The value in force; raise `InvalidArgument` naming the variable when it is unreadable."""
        name = self.source()
        if name is None:
            return self.default
        text = os.environ[name]
        try:
            return self._read(text)
        except ValueError as error:
            if self.secret:  # the reader's own words may hold the value
                raise InvalidArgument(f"Environment variable {name} cannot be read.") from None
            raise InvalidArgument(f"Environment variable {name}={text!r}: {error}.") from error

    def put(self, value: str | None) -> None:
        """Set (or, with None, unset) it for this process and its children."""
        if value is None:
            for name in self.names:
                os.environ.pop(name, None)
        else:
            os.environ[self.name] = value


def passed_on(names: Collection[str], families: tuple[str, ...]) -> dict[str, str]:
    """What of the environment a child may have: variables by name, families by how they begin."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(families)
    }


def _flag(text: str) -> bool:
    match text.strip().lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise ValueError("expected true or false")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None


def _positive(text: str) -> int:
    number = _integer(text)
    if number < 1:
        raise ValueError("expected a whole number of 1 or more")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:  # noqa: PLR2004 - thirty years
        raise ValueError("expected a number of seconds, 0 or more")
    return number


def _pool(text: str) -> str:
    for name in ("QueuePool", "NullPool"):
        if text.strip().lower() == name.lower():
            return name
    raise ValueError("expected QueuePool or NullPool; other pools share connections")


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        value = text.strip().upper()
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return value

    return read


# --- where things are --------------------------------------------------------------------------
TRACKING_URI: Final = Setting[str | None](
    "TRACKING_URI", str, None, "client",
    "Server or database that records go to.", mlflow="MLFLOW_TRACKING_URI",
)  # fmt: skip
REGISTRY_URI: Final = Setting[str | None](
    "REGISTRY_URI", str, None, "client",
    "Server or database of registered models; by default, the one that records go to.",
    mlflow="MLFLOW_REGISTRY_URI",
)  # fmt: skip
EXPERIMENT_NAME: Final = Setting[str | None](
    "EXPERIMENT_NAME", str, None, "client",
    "Active experiment by name.", mlflow="MLFLOW_EXPERIMENT_NAME",
)  # fmt: skip
EXPERIMENT_ID: Final = Setting[str | None](
    "EXPERIMENT_ID", str, None, "client",
    "Active experiment by id.", mlflow="MLFLOW_EXPERIMENT_ID",
)  # fmt: skip
RUN_ID: Final = Setting[str | None](
    "RUN_ID", str, None, "client", "Run that start_run resumes.", mlflow="MLFLOW_RUN_ID"
)
RUN_CONTEXT: Final = Setting[str | None](
    "RUN_CONTEXT", str, None, "client",
    "JSON object of tags for new runs.", mlflow="MLFLOW_RUN_CONTEXT",
)  # fmt: skip

# --- how to reach them -------------------------------------------------------------------------
TRACKING_USERNAME: Final = Setting[str | None](
    "TRACKING_USERNAME", str, None, "client",
    "User name for HTTP Basic.", mlflow="MLFLOW_TRACKING_USERNAME",
)  # fmt: skip
TRACKING_PASSWORD: Final = Setting[str | None](
    "TRACKING_PASSWORD", str, None, "client",
    "Password for HTTP Basic.", mlflow="MLFLOW_TRACKING_PASSWORD", secret=True,
)  # fmt: skip
TRACKING_TOKEN: Final = Setting[str | None](
    "TRACKING_TOKEN", str, None, "client",
    "Bearer token; user name and password win over it.",
    mlflow="MLFLOW_TRACKING_TOKEN", secret=True,
)  # fmt: skip
TRACKING_INSECURE_TLS: Final = Setting(
    "TRACKING_INSECURE_TLS", _flag, False, "client",
    "Skip the check of the server's certificate.", mlflow="MLFLOW_TRACKING_INSECURE_TLS",
)  # fmt: skip
TRACKING_SERVER_CERT_PATH: Final = Setting[str | None](
    "TRACKING_SERVER_CERT_PATH", str, None, "client",
    "CA bundle that the server's certificate is checked against.",
    mlflow="MLFLOW_TRACKING_SERVER_CERT_PATH",
)  # fmt: skip
TRACKING_CLIENT_CERT_PATH: Final = Setting[str | None](
    "TRACKING_CLIENT_CERT_PATH", str, None, "client",
    "PEM file with the client's certificate and key.", mlflow="MLFLOW_TRACKING_CLIENT_CERT_PATH",
)  # fmt: skip
HTTP_REQUEST_TIMEOUT: Final = Setting(
    "HTTP_REQUEST_TIMEOUT", _seconds, 120.0, "client",
    "Seconds for one request.", mlflow="MLFLOW_HTTP_REQUEST_TIMEOUT",
)  # fmt: skip
HTTP_REQUEST_MAX_RETRIES: Final = Setting(
    "HTTP_REQUEST_MAX_RETRIES", _integer, 7, "client",
    "Retries on 408, 429, 500, 502, 503, 504 and connection faults.",
    mlflow="MLFLOW_HTTP_REQUEST_MAX_RETRIES",
)  # fmt: skip
HTTP_REQUEST_BACKOFF_FACTOR: Final = Setting(
    "HTTP_REQUEST_BACKOFF_FACTOR", _seconds, 2.0, "client",
    "Factor of the exponential back-off between retries, in seconds.",
    mlflow="MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR",
)  # fmt: skip
HTTP_REQUEST_BACKOFF_JITTER: Final = Setting(
    "HTTP_REQUEST_BACKOFF_JITTER", _seconds, 1.0, "client",
    "Most random seconds added to each back-off.", mlflow="MLFLOW_HTTP_REQUEST_BACKOFF_JITTER",
)  # fmt: skip
HTTP_RESPECT_RETRY_AFTER_HEADER: Final = Setting(
    "HTTP_RESPECT_RETRY_AFTER_HEADER", _flag, True, "client",
    "Wait as long as the server's Retry-After says.",
    mlflow="MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER",
)  # fmt: skip
HTTP_POOL_MAXSIZE: Final = Setting(
    "HTTP_POOL_MAXSIZE", _positive, 10, "client",
    "Connections kept open to a server.", mlflow="MLFLOW_HTTP_POOL_MAXSIZE",
)  # fmt: skip
ALLOW_HTTP_REDIRECTS: Final = Setting(
    "ALLOW_HTTP_REDIRECTS", _flag, True, "client",
    "Follow redirects within the server's own origin.", mlflow="MLFLOW_ALLOW_HTTP_REDIRECTS",
)  # fmt: skip
DATABRICKS_HOST: Final = Setting[str | None](
    "DATABRICKS_HOST", str, None, "client",
    "Address of the workspace that the tracking URI `databricks` means.", mlflow="DATABRICKS_HOST",
)  # fmt: skip
DATABRICKS_TOKEN: Final = Setting[str | None](
    "DATABRICKS_TOKEN", str, None, "client",
    "Access token for that workspace.", mlflow="DATABRICKS_TOKEN", secret=True,
)  # fmt: skip
DATABRICKS_CONFIG_FILE: Final = Setting(
    "DATABRICKS_CONFIG_FILE", str, "~/.databrickscfg", "client",
    "File with hosts and tokens by profile.", mlflow="DATABRICKS_CONFIG_FILE",
)  # fmt: skip
DATABRICKS_CONFIG_PROFILE: Final = Setting[str | None](
    "DATABRICKS_CONFIG_PROFILE", str, None, "client",
    "Profile that the tracking URI `databricks` means.", mlflow="DATABRICKS_CONFIG_PROFILE",
)  # fmt: skip
NOTEBOOK_NAME: Final = Setting[str | None](
    "NOTEBOOK_NAME", str, None, "client",
    "Path of the notebook that runs; Jupyter says it.", mlflow="JPY_SESSION_NAME",
)  # fmt: skip

# --- logging -----------------------------------------------------------------------------------
ENABLE_ASYNC_LOGGING: Final = Setting(
    "ENABLE_ASYNC_LOGGING", _flag, False, "client",
    "Log calls return at once and are sent in the background.",
    mlflow="MLFLOW_ENABLE_ASYNC_LOGGING",
)  # fmt: skip
ASYNC_LOGGING_BUFFERING_SECONDS: Final = Setting(
    "ASYNC_LOGGING_BUFFERING_SECONDS", _seconds, 0.2, "client",
    "Longest time that a logged value waits for company before it is sent.",
    mlflow="MLFLOW_ASYNC_LOGGING_BUFFERING_SECONDS",
)  # fmt: skip
ASYNC_LOGGING_QUEUE_LIMIT: Final = Setting(
    "ASYNC_LOGGING_QUEUE_LIMIT", _positive, 200_000, "client",
    "Most values waiting in memory; beyond it they go to the spool, or the call waits.",
)  # fmt: skip
EXIT_FLUSH_SECONDS: Final = Setting(
    "EXIT_FLUSH_SECONDS", _seconds, 60.0, "client",
    "Longest time that the end of the process waits for values still to be sent.",
)  # fmt: skip
OFFLINE: Final = Setting(
    "OFFLINE", _flag, False, "client",
    "Never open a socket: everything goes to the spool, `millrace sync` sends it later.",
)  # fmt: skip
SPOOL_DIR: Final = Setting(
    "SPOOL_DIR", str, "millrace-spool", "client",
    "Folder of the spool, relative to the working directory.",
)  # fmt: skip
SPOOL_LIMIT_BYTES: Final = Setting(
    "SPOOL_LIMIT_BYTES", _positive, 2 * 1024**3, "client", "Most bytes that a spool may take."
)
LEASE_SECONDS: Final = Setting(
    "LEASE_SECONDS", _seconds, 60.0, "client",
    "A live run that is silent for longer counts as lost; heartbeats come three times as often. "
    "0: no heartbeats.",
)  # fmt: skip
STOP_WHEN_ASKED: Final = Setting(
    "STOP_WHEN_ASKED", _flag, True, "client",
    "When somebody has asked a run to stop, the next call that logs to it raises "
    "`millrace.RunStopped`. If false, only `millrace.stop_requested()` says so.",
)  # fmt: skip
ENABLE_SYSTEM_METRICS_LOGGING: Final = Setting(
    "ENABLE_SYSTEM_METRICS_LOGGING", _flag, False, "client",
    "Log system metrics in every run.", mlflow="MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING",
)  # fmt: skip
SYSTEM_METRICS_SAMPLING_INTERVAL: Final = Setting(
    "SYSTEM_METRICS_SAMPLING_INTERVAL", _seconds, 10.0, "client",
    "Seconds between samples.", mlflow="MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL",
)  # fmt: skip
SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING: Final = Setting(
    "SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", _positive, 1, "client",
    "Samples averaged into one point.", mlflow="MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
)  # fmt: skip
SYSTEM_METRICS_NODE_ID: Final = Setting[str | None](
    "SYSTEM_METRICS_NODE_ID", str, None, "client",
    "Name of this machine in the metric keys.", mlflow="MLFLOW_SYSTEM_METRICS_NODE_ID",
)  # fmt: skip

LOG_OUTPUT: Final = Setting(
    "LOG_OUTPUT", _flag, False, "client",
    "Keep what is printed while a run is open (`sys.stdout`, `sys.stderr`) with it, as the log "
    "`logs/output.log`. `start_run(log_output=...)` says so for one run.",
)  # fmt: skip
LOG_OUTPUT_SECONDS: Final = Setting(
    "LOG_OUTPUT_SECONDS", _seconds, 5.0, "client",
    "Seconds between uploads of what is printed; of long runs more, up to 60.",
)  # fmt: skip
LOG_OUTPUT_MIB: Final = Setting(
    "LOG_OUTPUT_MIB", _positive, 256, "client",
    "The most that is kept of what one run prints, in MiB; the log says so where it ends.",
)  # fmt: skip

# --- artifacts of the client -------------------------------------------------------------------
ENABLE_ARTIFACTS_PROGRESS_BAR: Final = Setting(
    "ENABLE_ARTIFACTS_PROGRESS_BAR", _flag, True, "client",
    "Show on a terminal how far uploads and downloads have come.",
    mlflow="MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
)  # fmt: skip

ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT: Final = Setting[float | None](
    "ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT", _seconds, None, "client",
    "Longest silence in the transfer of an artifact, in seconds; that of other requests by "
    "default.",
    mlflow="MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT",
)  # fmt: skip
ENABLE_PROXY_MULTIPART_UPLOAD: Final = Setting(
    "ENABLE_PROXY_MULTIPART_UPLOAD", _flag, False, "client",
    "Send large files in parts past the server, straight to its store, where it can sign URLs.",
    mlflow="MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD",
)  # fmt: skip
MULTIPART_UPLOAD_MINIMUM_FILE_SIZE: Final = Setting(
    "MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", _positive, 500 * 1024**2, "client",
    "Smallest file, in bytes, that is sent in parts past the server.",
    mlflow="MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE",
)  # fmt: skip
MULTIPART_UPLOAD_CHUNK_SIZE: Final = Setting(
    "MULTIPART_UPLOAD_CHUNK_SIZE", _positive, 10 * 1024**2, "client",
    "Size of such a part, in bytes; many stores want at least 5 MiB.",
    mlflow="MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE",
)  # fmt: skip

# --- models ------------------------------------------------------------------------------------
TRUSTED_MODELS: Final = Setting(
    "TRUSTED_MODELS", str, "", "client",
    "Comma list of origins whose models may run code when they are loaded: URIs and folders with "
    "all below them (`models:/risk`, `/srv/models`, a tracking server's address), `approved` for "
    "registered versions that an approval request has put where they are, `all`. What this user "
    "saved may always.",
)  # fmt: skip
ALLOW_PICKLE_DESERIALIZATION: Final = Setting[bool | None](
    "ALLOW_PICKLE_DESERIALIZATION", _flag, None, "client",
    "Whether every model (true) or none (false) may run code when it is loaded, unless the call "
    "says `trusted=True`. Not set: it depends on where the model comes from.",
    mlflow="MLFLOW_ALLOW_PICKLE_DESERIALIZATION",
)  # fmt: skip
TRUSTED_SIGNERS: Final = Setting(
    "TRUSTED_SIGNERS", str, "", "client",
    "Comma list of public keys and certificates of authorities in PEM, files or folders of "
    "`*.pem`: what one of them signed may run code when it is loaded, and is refused when its "
    "files are not those that were signed.",
)  # fmt: skip
TRUSTED_IDENTITIES: Final = Setting(
    "TRUSTED_IDENTITIES", str, "", "client",
    "Comma list of addresses and names: of those to whom an authority of MILLRACE_TRUSTED_SIGNERS "
    "gave a certificate, only these are believed; empty: all.",
)  # fmt: skip
REQUIRE_SIGNED_MODELS: Final = Setting(
    "REQUIRE_SIGNED_MODELS", _flag, False, "client",
    "Whether only models that one of MILLRACE_TRUSTED_SIGNERS signed are loaded, of any format.",
)  # fmt: skip
DATA_DIR: Final = Setting(
    "DATA_DIR", str, "~/.local/share/millrace", "client",
    "Folder of what Millrace knows for this user, such as which models they saved.",
)  # fmt: skip
CACHE_DIR: Final = Setting(
    "CACHE_DIR", str, "~/.cache/millrace", "client",
    "Folder of downloaded models and of environments made for them; may be removed at any time.",
)  # fmt: skip
REQUIREMENTS_INFERENCE_TIMEOUT: Final = Setting(
    "REQUIREMENTS_INFERENCE_TIMEOUT", _seconds, 120.0, "client",
    "Longest time to load a model in a process of its own to see what it imports, in seconds; 0: "
    "it is not loaded, and the libraries of its flavor are what it needs.",
    mlflow="MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT",
)  # fmt: skip

# --- the server --------------------------------------------------------------------------------
BACKEND_STORE_URI: Final = Setting(
    "BACKEND_STORE_URI", str, "sqlite:///millrace.db", "server",
    "Database of the server.", mlflow="MLFLOW_BACKEND_STORE_URI",
)  # fmt: skip
REGISTRY_STORE_URI: Final = Setting[str | None](
    "REGISTRY_STORE_URI", str, None, "server",
    "Database of registered models; by default, the database of the server.",
    mlflow="MLFLOW_REGISTRY_STORE_URI",
)  # fmt: skip
DEFAULT_ARTIFACT_ROOT: Final = Setting[str | None](
    "DEFAULT_ARTIFACT_ROOT", str, None, "server",
    "Where artifacts of new experiments go unless they say otherwise.",
    mlflow="MLFLOW_DEFAULT_ARTIFACT_ROOT",
)  # fmt: skip
ARTIFACTS_DESTINATION: Final = Setting(
    "ARTIFACTS_DESTINATION", str, "./mlartifacts", "both",
    "Where artifacts of the locations mlflow-artifacts:/ are kept: by the server, or by a client "
    "whose tracking URI is a database.",
    mlflow="MLFLOW_ARTIFACTS_DESTINATION",
)  # fmt: skip
HOST: Final = Setting(
    "HOST", str, "127.0.0.1", "server", "Address to listen on.", mlflow="MLFLOW_HOST"
)
PORT: Final = Setting("PORT", _integer, 5000, "server", "Port to listen on.", mlflow="MLFLOW_PORT")
WORKERS: Final = Setting(
    "WORKERS", _positive, 1, "server", "Server processes.", mlflow="MLFLOW_WORKERS"
)
MODEL_WORKERS: Final = Setting(
    "MODEL_WORKERS", _positive, 1, "server",
    "Model processes of a model server.", mlflow="MLFLOW_MODELS_WORKERS",
)  # fmt: skip
SCORING_TIMEOUT: Final = Setting(
    "SCORING_TIMEOUT", _seconds, 60.0, "server",
    "Longest time that a request to a model server may take; a model process that works longer on "
    "one is replaced.",
    mlflow="MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT",
)  # fmt: skip
SCORING_BODY_BYTES: Final = Setting(
    "SCORING_BODY_BYTES", _positive, 64 * 1024 * 1024, "server",
    "Largest body of a request to a model server.",
)  # fmt: skip
SCORING_ROWS: Final = Setting(
    "SCORING_ROWS", _positive, 1_000_000, "server",
    "Most rows that one request to a model server may have.",
)  # fmt: skip
SCORING_QUEUE: Final = Setting(
    "SCORING_QUEUE", _positive, 1000, "server",
    "Requests that may wait for a model process; more are sent away with status 429.",
)  # fmt: skip
SCORING_BATCH_REQUESTS: Final = Setting(
    "SCORING_BATCH_REQUESTS", _positive, 1, "server",
    "How many waiting requests a model server scores together; 1 scores each alone.",
)  # fmt: skip
SCORING_BATCH_SECONDS: Final = Setting(
    "SCORING_BATCH_SECONDS", _seconds, 0.0, "server",
    "How long a model server waits for requests to score together; 0 takes those that wait now.",
)  # fmt: skip
SERVED_LEASE_SECONDS: Final = Setting(
    "SERVED_LEASE_SECONDS", _seconds, 60.0, "server",
    "A model server that serves a registered version tells the registry so; one that is silent for "
    "longer no longer counts. It renews three times as often. 0: it tells nobody.",
)  # fmt: skip
SERVED_URL: Final = Setting[str | None](
    "SERVED_URL", str, None, "server",
    "Address that a model server tells the registry as its own, such as that of the proxy before "
    "it; by default, the one that it listens on.",
)  # fmt: skip
STATIC_PREFIX: Final = Setting(
    "STATIC_PREFIX", str, "", "server",
    "Path in front of every route, such as /mlops.", mlflow="MLFLOW_STATIC_PREFIX",
)  # fmt: skip
ALLOWED_HOSTS: Final = Setting[str | None](
    "ALLOWED_HOSTS", str, None, "server",
    "Comma list of host names that requests may be addressed to; * for any.",
    mlflow="MLFLOW_SERVER_ALLOWED_HOSTS",
)  # fmt: skip
CORS_ALLOWED_ORIGINS: Final = Setting[str | None](
    "CORS_ALLOWED_ORIGINS", str, None, "server",
    "Comma list of origins whose pages may call this server; * for any.",
    mlflow="MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
)  # fmt: skip
X_FRAME_OPTIONS: Final = Setting(
    "X_FRAME_OPTIONS", _choice("SAMEORIGIN", "DENY", "NONE"), "SAMEORIGIN", "server",
    "Who may show this server in a frame.", mlflow="MLFLOW_SERVER_X_FRAME_OPTIONS",
)  # fmt: skip
DISABLE_SECURITY_MIDDLEWARE: Final = Setting(
    "DISABLE_SECURITY_MIDDLEWARE", _flag, False, "server",
    "Switch the Host and Origin checks off.", mlflow="MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
)  # fmt: skip
KEY_FILE: Final = Setting[str | None](
    "KEY_FILE", str, None, "server",
    "File with the keys that sign the audit trail and seal secrets; by default beside a SQLite "
    "database (FILE.keys), else millrace.keys in the working directory. Keep it apart from copies "
    "of the database; servers that share a database share the file.",
)  # fmt: skip
AUDIT_WITNESS: Final = Setting[str | None](
    "AUDIT_WITNESS", str, None, "server",
    "File that each signed head of the audit trail is appended to: out of reach of whoever can "
    "write to the database, it shows that entries were cut off.",
)  # fmt: skip
OUTBOUND_ALLOWED_HOSTS: Final = Setting(
    "OUTBOUND_ALLOWED_HOSTS", str, "", "server",
    "Comma list of hosts (name or name:port) and networks (10.1.0.0/16) that webhooks, and reading "
    "artifacts of web servers, may call although they are not public.",
)  # fmt: skip
OUTBOUND_ALLOW_HTTP: Final = Setting(
    "OUTBOUND_ALLOW_HTTP", _flag, False, "server", "Let them call http:// as well as https://."
)
OUTBOUND_PORTS: Final = Setting(
    "OUTBOUND_PORTS", str, "443,8443", "server", "Comma list of ports that they may call."
)
OUTBOUND_CA_FILE: Final = Setting[str | None](
    "OUTBOUND_CA_FILE", str, None, "server",
    "CA bundle that the certificates of webhook receivers and of such servers are checked against.",
)  # fmt: skip
WEBHOOK_REQUEST_TIMEOUT: Final = Setting(
    "WEBHOOK_REQUEST_TIMEOUT", _seconds, 10.0, "server",
    "Longest time of one attempt to deliver to a webhook, in seconds.",
    mlflow="MLFLOW_WEBHOOK_REQUEST_TIMEOUT",
)  # fmt: skip
WEBHOOK_REQUEST_MAX_RETRIES: Final = Setting(
    "WEBHOOK_REQUEST_MAX_RETRIES", _integer, 10, "server",
    "Attempts after the first until a delivery counts as failed.",
    mlflow="MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES",
)  # fmt: skip
WEBHOOK_RETRY_SECONDS: Final = Setting(
    "WEBHOOK_RETRY_SECONDS", _seconds, 5.0, "server",
    "Wait before the first retry; it doubles with each, up to an hour, less a random part.",
)  # fmt: skip
WEBHOOK_DELIVERY_MAX_WORKERS: Final = Setting(
    "WEBHOOK_DELIVERY_MAX_WORKERS", _positive, 10, "server",
    "Deliveries that one server process makes at the same time; two of them to one receiver.",
    mlflow="MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS",
)  # fmt: skip
WEBHOOK_SECRET_ENCRYPTION_KEY: Final = Setting[str | None](
    "WEBHOOK_SECRET_ENCRYPTION_KEY", str, None, "server",
    "Key that secrets of webhooks are sealed with, 32 bytes in URL-safe base64, instead of the one "
    "in the key file.", mlflow="MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", secret=True,
)  # fmt: skip
EVENT_STREAMS: Final = Setting(
    "EVENT_STREAMS", _positive, 200, "server",
    "Streams of events that one server process keeps open at the same time; each page that is "
    "looked at has one.",
)  # fmt: skip
GRACE_SECONDS: Final = Setting(
    "GRACE_SECONDS", _seconds, 10.0, "server",
    "Longest time that a stop waits for requests in flight.",
)  # fmt: skip
SQLITE_SYNCHRONOUS: Final = Setting(
    "SQLITE_SYNCHRONOUS", _choice("FULL", "NORMAL"), "FULL", "both",
    "FULL: an acknowledged write survives power loss. NORMAL: it survives a crash of the process, "
    "and a power cut may take the last moments.",
)  # fmt: skip
SQLITE_ON_NETWORK: Final = Setting(
    "SQLITE_ON_NETWORK", _flag, False, "both",
    "Open a SQLite database on a network file system all the same. Its locks do not hold there: "
    "safe only while a single host opens it.",
)  # fmt: skip
POOL_SIZE: Final = Setting(
    "SQLALCHEMYSTORE_POOL_SIZE", _positive, 16, "both",
    "Connections to the database that each process keeps open for reading; one more is for "
    "writing. Processes times all of them must be no more than the database lets in.",
    mlflow="MLFLOW_SQLALCHEMYSTORE_POOL_SIZE",
)  # fmt: skip
POOL_MAX_OVERFLOW: Final = Setting(
    "SQLALCHEMYSTORE_MAX_OVERFLOW", _integer, 0, "both",
    "Connections beyond the pool that may be opened for a moment; -1: any number.",
    mlflow="MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW",
)  # fmt: skip
POOL_RECYCLE: Final = Setting(
    "SQLALCHEMYSTORE_POOL_RECYCLE", _integer, -1, "both",
    "Seconds after which a connection is replaced before it is used again, for networks that drop "
    "old ones; -1: never.",
    mlflow="MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE",
)  # fmt: skip
POOL_CLASS: Final = Setting(
    "SQLALCHEMYSTORE_POOLCLASS", _pool, "QueuePool", "both",
    "QueuePool: connections are kept. NullPool: each is closed after use, for a pooler between us "
    "and the database.",
    mlflow="MLFLOW_SQLALCHEMYSTORE_POOLCLASS",
)  # fmt: skip
POOL_PRE_PING: Final = Setting(
    "SQLALCHEMYSTORE_PRE_PING", _flag, True, "both",
    "Whether a connection that was idle for 10 seconds is asked whether it still lives before it "
    "is used. One that the server has closed is noticed without that.",
)  # fmt: skip
SQL_ECHO: Final = Setting(
    "SQLALCHEMYSTORE_ECHO", _flag, False, "both",
    "Whether statements that go through SQLAlchemy are logged, without their values. Those of the "
    "hot paths go to the driver directly.",
    mlflow="MLFLOW_SQLALCHEMYSTORE_ECHO",
)  # fmt: skip
MYSQL_SSL_CA: Final = Setting[str | None](
    "MYSQL_SSL_CA", str, None, "both",
    "File of the certificates that sign those of MySQL or MariaDB servers; asks for TLS.",
    mlflow="MLFLOW_MYSQL_SSL_CA",
)  # fmt: skip
MYSQL_SSL_CERT: Final = Setting[str | None](
    "MYSQL_SSL_CERT", str, None, "both",
    "File of our own certificate for MySQL or MariaDB servers; asks for TLS.",
    mlflow="MLFLOW_MYSQL_SSL_CERT",
)  # fmt: skip
MYSQL_SSL_KEY: Final = Setting[str | None](
    "MYSQL_SSL_KEY", str, None, "both",
    "File of the key to our own certificate for MySQL or MariaDB servers.",
    mlflow="MLFLOW_MYSQL_SSL_KEY",
)  # fmt: skip
ARTIFACT_SYNCHRONOUS: Final = Setting(
    "ARTIFACT_SYNCHRONOUS", _choice("FULL", "NORMAL"), "FULL", "both",
    "For artifacts in local folders. FULL: an acknowledged upload survives power loss. NORMAL: it "
    "survives a crash of the process, and a power cut may take or empty the last files.",
)  # fmt: skip
FILE_STORE_SYNCHRONOUS: Final = Setting(
    "FILE_STORE_SYNCHRONOUS", _choice("FULL", "NORMAL"), "FULL", "both",
    "For records in a folder of files. FULL: an acknowledged write survives power loss. NORMAL: it "
    "survives a crash of the process, and a power cut may take or empty the last files.",
)  # fmt: skip
TRUNCATE_LONG_VALUES: Final = Setting(
    "TRUNCATE_LONG_VALUES", _flag, True, "both",
    "Cut params and tags that are too long instead of refusing them.",
    mlflow="MLFLOW_TRUNCATE_LONG_VALUES",
)  # fmt: skip
ARTIFACT_LOCATION_MAX_LENGTH: Final = Setting(
    "ARTIFACT_LOCATION_MAX_LENGTH", _positive, 2048, "both",
    "Longest artifact location, in characters.", mlflow="MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH",
)  # fmt: skip
SERVE_ARTIFACTS: Final = Setting(
    "SERVE_ARTIFACTS", _flag, True, "server",
    "Proxy artifacts: new experiments keep theirs at the artifacts destination.",
    mlflow="MLFLOW_SERVE_ARTIFACTS",
)  # fmt: skip
ARTIFACTS_ONLY: Final = Setting(
    "ARTIFACTS_ONLY", _flag, False, "server",
    "Proxy artifacts and do nothing else.", mlflow="MLFLOW_ARTIFACTS_ONLY",
)  # fmt: skip
ARTIFACTS_PRESIGNED_ONLY: Final = Setting(
    "ARTIFACTS_PRESIGNED_ONLY", _flag, False, "server",
    "Refuse bytes through the server: clients get signed URLs of the store.",
    mlflow="MLFLOW_ARTIFACTS_PRESIGNED_ONLY",
)  # fmt: skip
ARTIFACT_ROOTS: Final = Setting(
    "ARTIFACT_ROOTS", str, "", "server",
    "Comma list of further places that the server may read and write for clients.",
)  # fmt: skip
ARTIFACT_MAX_BYTES: Final = Setting(
    "ARTIFACT_MAX_BYTES", _integer, 0, "server", "Largest file that is taken in; 0: any."
)
ARTIFACT_RECHECK_SECONDS: Final = Setting(
    "ARTIFACT_RECHECK_SECONDS", _seconds, 3600.0, "server",
    "A file on the server's disk that was found right, and that nobody has touched since, is sent "
    "without being compared with its digest for so long. 0: compared at each full reading.",
)  # fmt: skip
ARTIFACT_READ_BACK: Final = Setting(
    "ARTIFACT_READ_BACK", _flag, True, "server",
    "Read files that clients sent past the server in parts once, soon after, to record their "
    "digest, or to compare it with what the client said.",
)  # fmt: skip
ARTIFACT_TRANSFERS: Final = Setting(
    "ARTIFACT_TRANSFERS", _positive, 64, "server",
    "Transfers at a time; further ones wait a few seconds and are then sent away.",
)  # fmt: skip
FREEZE_MODELS: Final = Setting(
    "FREEZE_MODELS", _flag, True, "server",
    "The files of a logged model that is ready can neither be replaced nor deleted nor added to.",
)  # fmt: skip
ALLOW_LOCAL_ARTIFACT_LOCATIONS: Final = Setting(
    "ALLOW_LOCAL_ARTIFACT_LOCATIONS", _flag, False, "server",
    "Let clients name folders as artifact locations. They read and write there themselves; the "
    "server does only below its own roots.",
)  # fmt: skip
ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES: Final = Setting(
    "ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES", str, "", "both",
    "Comma list of further schemes, such as http, ftp, hdfs, that artifact locations may use.",
    mlflow="MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES",
)  # fmt: skip
CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX: Final = Setting(
    "CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX", str, "", "both",
    "Regular expression (RE2) that must be found in the source of every new model version.",
    mlflow="MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX",
)  # fmt: skip
LOGGING_LEVEL: Final = Setting(
    "LOGGING_LEVEL", _choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "both",
    "Least severe log lines shown.", mlflow="MLFLOW_LOGGING_LEVEL",
)  # fmt: skip

# --- places for artifacts -------------------------------------------------------------------------
S3_ENDPOINT_URL: Final = Setting[str | None](
    "S3_ENDPOINT_URL", str, None, "both",
    "Address of an S3 server that is not Amazon's.", mlflow="MLFLOW_S3_ENDPOINT_URL",
)  # fmt: skip
S3_IGNORE_TLS: Final = Setting(
    "S3_IGNORE_TLS", _flag, False, "both",
    "Skip the check of the S3 server's certificate.", mlflow="MLFLOW_S3_IGNORE_TLS",
)  # fmt: skip
S3_UPLOAD_EXTRA_ARGS: Final = Setting[str | None](
    "S3_UPLOAD_EXTRA_ARGS", str, None, "both",
    'JSON object of arguments for uploads, such as `{"ServerSideEncryption": "aws:kms"}`.',
    mlflow="MLFLOW_S3_UPLOAD_EXTRA_ARGS",
)  # fmt: skip
S3_EXPECTED_BUCKET_OWNER: Final = Setting[str | None](
    "S3_EXPECTED_BUCKET_OWNER", str, None, "both",
    "Account that a bucket must belong to; checked when it is opened.",
    mlflow="MLFLOW_S3_EXPECTED_BUCKET_OWNER",
)  # fmt: skip
BOTO_CLIENT_ADDRESSING_STYLE: Final = Setting(
    "BOTO_CLIENT_ADDRESSING_STYLE", _choice("AUTO", "PATH", "VIRTUAL"), "AUTO", "both",
    "Whether an S3 bucket is part of the path or of the host name.",
    mlflow="MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE",
)  # fmt: skip
AWS_ACCESS_KEY_ID: Final = Setting[str | None](
    "AWS_ACCESS_KEY_ID", str, None, "both", "Access key for S3.", mlflow="AWS_ACCESS_KEY_ID"
)
AWS_SECRET_ACCESS_KEY: Final = Setting[str | None](
    "AWS_SECRET_ACCESS_KEY", str, None, "both",
    "Secret that belongs to it.", mlflow="AWS_SECRET_ACCESS_KEY", secret=True,
)  # fmt: skip
AWS_SESSION_TOKEN: Final = Setting[str | None](
    "AWS_SESSION_TOKEN", str, None, "both",
    "Token that belongs to a key that expires.", mlflow="AWS_SESSION_TOKEN", secret=True,
)  # fmt: skip
AWS_PROFILE: Final = Setting[str | None](
    "AWS_PROFILE", str, None, "both",
    "Profile in the AWS files whose keys and region are used.", mlflow="AWS_PROFILE",
)  # fmt: skip
AWS_SHARED_CREDENTIALS_FILE: Final = Setting(
    "AWS_SHARED_CREDENTIALS_FILE", str, "~/.aws/credentials", "both",
    "File with keys by profile.", mlflow="AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
AWS_CONFIG_FILE: Final = Setting(
    "AWS_CONFIG_FILE", str, "~/.aws/config", "both",
    "File with regions, and keys, by profile.", mlflow="AWS_CONFIG_FILE",
)  # fmt: skip
AWS_REGION: Final = Setting[str | None](
    "AWS_REGION", str, None, "both", "Region of the S3 buckets.", mlflow="AWS_REGION"
)
AWS_DEFAULT_REGION: Final = Setting[str | None](
    "AWS_DEFAULT_REGION", str, None, "both",
    "Region when AWS_REGION is not set.", mlflow="AWS_DEFAULT_REGION",
)  # fmt: skip
SFTP_KNOWN_HOSTS: Final = Setting(
    "SFTP_KNOWN_HOSTS", str, "~/.ssh/known_hosts", "both",
    "File with the keys of SFTP servers; one that is not in it is refused.",
)  # fmt: skip
SFTP_KEY_FILE: Final = Setting[str | None](
    "SFTP_KEY_FILE", str, None, "both",
    "Private key to log in to SFTP servers with, besides those of the agent and of `~/.ssh`.",
)  # fmt: skip
STORAGE_EMULATOR_HOST: Final = Setting[str | None](
    "STORAGE_EMULATOR_HOST", str, None, "both",
    "URL of a server that stands for Google Cloud Storage, used without credentials.",
    mlflow="STORAGE_EMULATOR_HOST",
)  # fmt: skip
AZURE_STORAGE_CONNECTION_STRING: Final = Setting[str | None](
    "AZURE_STORAGE_CONNECTION_STRING", str, None, "both",
    "Account, key or SAS, and address of Azure Blob Storage.",
    mlflow="AZURE_STORAGE_CONNECTION_STRING", secret=True,
)  # fmt: skip
AZURE_STORAGE_ACCOUNT_NAME: Final = Setting[str | None](
    "AZURE_STORAGE_ACCOUNT_NAME", str, None, "both",
    "Account of `az://container/...`, which names none.", mlflow="AZURE_STORAGE_ACCOUNT_NAME",
)  # fmt: skip
AZURE_STORAGE_ACCESS_KEY: Final = Setting[str | None](
    "AZURE_STORAGE_ACCESS_KEY", str, None, "both",
    "Key of the Azure account.", mlflow="AZURE_STORAGE_ACCESS_KEY", secret=True,
)  # fmt: skip
AZURE_STORAGE_SAS_TOKEN: Final = Setting[str | None](
    "AZURE_STORAGE_SAS_TOKEN", str, None, "both",
    "Shared access signature for the Azure account or container.",
    mlflow="AZURE_STORAGE_SAS_TOKEN", secret=True,
)  # fmt: skip

SETTINGS: Final[tuple[Setting[object], ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Setting)
)
