"""What a server is started with."""

from __future__ import annotations

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The server's options; each default comes from its setting.

    `allowed_hosts` and `cors_allowed_origins` are comma lists as `asgi.security` reads them; None:
    the built-in list. `grace_s`: how long a stop waits for requests in flight.
    """

    backend_store_uri: str = msgspec.field(default_factory=settings.BACKEND_STORE_URI.get)
    registry_store_uri: str | None = msgspec.field(default_factory=settings.REGISTRY_STORE_URI.get)
    default_artifact_root: str | None = msgspec.field(
        default_factory=settings.DEFAULT_ARTIFACT_ROOT.get
    )
    serve_artifacts: bool = msgspec.field(default_factory=settings.SERVE_ARTIFACTS.get)
    artifacts_only: bool = msgspec.field(default_factory=settings.ARTIFACTS_ONLY.get)
    artifacts_presigned_only: bool = msgspec.field(
        default_factory=settings.ARTIFACTS_PRESIGNED_ONLY.get
    )
    artifacts_destination: str = msgspec.field(default_factory=settings.ARTIFACTS_DESTINATION.get)
    artifact_roots: str = msgspec.field(default_factory=settings.ARTIFACT_ROOTS.get)
    transfers: int = msgspec.field(default_factory=settings.ARTIFACT_TRANSFERS.get)
    allow_local_artifact_locations: bool = msgspec.field(
        default_factory=settings.ALLOW_LOCAL_ARTIFACT_LOCATIONS.get
    )
    host: str = msgspec.field(default_factory=settings.HOST.get)
    port: int = msgspec.field(default_factory=settings.PORT.get)
    workers: int = msgspec.field(default_factory=settings.WORKERS.get)
    static_prefix: str = msgspec.field(default_factory=settings.STATIC_PREFIX.get)
    allowed_hosts: str | None = msgspec.field(default_factory=settings.ALLOWED_HOSTS.get)
    cors_allowed_origins: str | None = msgspec.field(
        default_factory=settings.CORS_ALLOWED_ORIGINS.get
    )
    x_frame_options: str = msgspec.field(default_factory=settings.X_FRAME_OPTIONS.get)
    disable_security_middleware: bool = msgspec.field(
        default_factory=settings.DISABLE_SECURITY_MIDDLEWARE.get
    )
    grace_s: float = msgspec.field(default_factory=settings.GRACE_SECONDS.get)
    app_log_level: str = msgspec.field(default_factory=settings.LOGGING_LEVEL.get)

    def __post_init__(self) -> None:
        """Refuse what cannot work, before anything is started."""
        prefix = self.static_prefix
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise InvalidArgument(
                f"Static prefix {prefix!r} must begin with a slash and not end with one."
            )
        if not prefix.isascii() or set(prefix) & set("?#%{}\\ \"'<>"):
            raise InvalidArgument(f"Static prefix {prefix!r} is not a plain URL path.")
        if self.x_frame_options not in {"SAMEORIGIN", "DENY", "NONE"}:
            raise InvalidArgument(
                f"X-Frame-Options {self.x_frame_options!r} must be SAMEORIGIN, DENY or NONE."
            )
        if self.workers < 1:
            raise InvalidArgument(f"A server needs 1 worker or more, not {self.workers}.")


def stated(config: ServerConfig) -> dict[str, object]:
    """Settings whose place an option took, by name."""
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(ServerConfig):
        # Each default is the `get` of its setting.
        setting: settings.Setting[object] = field.default_factory.__self__
        value = getattr(config, field.name)
        if value != setting.get():
            found[setting.name] = value
    return found
