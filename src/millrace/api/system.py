"""What the server says of itself."""

from __future__ import annotations

import msgspec

from millrace.api.endpoint import (
    ANYONE,
    Admin,
    Endpoint,
    Nothing,
    Reply,
    Request,
    Results,
    Time,
    reads,
)


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What clients ask before they transfer artifacts or use newer features."""

    store_type: str | None
    workspaces_enabled: bool = False
    trace_archival_enabled: bool = False
    multipart_uploads_enabled: bool = False
    multipart_downloads_enabled: bool = False
    artifact_serving_enabled: bool = False
    skill_content_max_size: int = 0
    skill_content_max_files: int = 0
    presigned_upload_run_id_supported: bool = False
    presigned_upload_model_id_supported: bool = False
    model_artifact_presigned_downloads_supported: bool = False
    features_enabled: dict[str, bool] = {}
    tracking_auth: str | None = None
    artifacts_presigned_only: bool = False
    artifact_bundles_supported: bool = False


class AskCapabilities(Request, frozen=True, kw_only=True):
    """What the caller may do here; with an experiment, a run or a logged model, what it may do with
    that one."""

    experiment_id: str | None = None
    run_id: str | None = None
    model_id: str | None = None


class Capabilities(Reply, frozen=True, kw_only=True):
    """`user`: whom the server takes the caller for; `is_verified`: that was proved. `has_accounts`:
    the server knows its users; where it does not, everybody may do everything.

    `permission`: the caller's level on what was asked about. `refused`: calls that would be refused
    now whoever makes them, by name, each with the reason: the server was started so, or what they
    are about is in the trash, has ended, or is not there.
    """

    user: str
    is_verified: bool = False
    has_accounts: bool = False
    permission: str
    refused: dict[str, str] = msgspec.field(default_factory=dict)


class Readiness(Reply, frozen=True, kw_only=True):
    """Whether the server can answer now, and what it knows of its store."""

    status: str
    version: str
    store: str
    revision: str | None = None
    queue: int = 0
    message: str | None = None


class SettingInForce(Reply, frozen=True, kw_only=True):
    """A setting of the server, and what sets it: the `command line`, a variable, or the `default`.

    `value` and `default` are told of numbers and switches only; `is_hidden`: a text is set.
    """

    name: str
    doc: str
    source: str
    value: str | None = None
    is_hidden: bool = False
    default: str | None = None


class ServerState(Reply, frozen=True, kw_only=True):
    """What a server runs on. `queue`: writes that wait; `started_ms`: when the process began."""

    version: str
    started_ms: Time
    store: str
    is_ready: bool
    revision: str | None = None
    queue: int = 0
    message: str | None = None
    settings: tuple[SettingInForce, ...] = ()


ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="getServerInfo",
        group="Server",
        method="GET",
        path="/mlflow/server-info",
        versions=("3.0",),
        request=Nothing,
        response=ServerInfo,
        needs=ANYONE,
        summary="Tell which features this server offers.",
    ),
    Endpoint(
        name="getCapabilities",
        group="Server",
        method="GET",
        path="/millrace/capabilities",
        versions=("3.0",),
        request=AskCapabilities,
        response=Capabilities,
        needs=reads(Results("capabilities")),
        summary="Tell what the caller may do, before it is tried, and why the rest is refused.",
    ),
    Endpoint(
        name="getServerState",
        group="Server",
        method="GET",
        path="/millrace/server",
        versions=("3.0",),
        request=Nothing,
        response=ServerState,
        needs=reads(Admin()),
        summary="Tell what the server runs on, and which settings are in force and why.",
    ),
)
