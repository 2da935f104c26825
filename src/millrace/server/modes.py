"""How a server treats artifacts, and what it therefore does not answer.

Three modes, with the texts that clients know (wire contract, "Server modes"): artifacts are proxied
(the default), left to the clients (`--no-serve-artifacts`), or all that there is
(`--artifacts-only`). On top of the first, `--artifacts-presigned-only` keeps the bytes out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.api.table import ENDPOINTS
from millrace.asgi.errors import explained
from millrace.asgi.exchange import TEXT, Answer
from millrace.core import uris
from millrace.core.errors import PermissionDenied
from millrace.services.places import PROXY, Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.api.endpoint import Endpoint
    from millrace.artifacts.protocols import ArtifactStore
    from millrace.asgi.exchange import Incoming, Receive
    from millrace.server.config import ServerConfig

DIRECT_ROOT: Final = "./mlruns"
"""Where artifacts go when nothing is proxied and nobody says otherwise."""
_PROXY_GROUP = "Artifact proxy"
_FILES = frozenset({"downloadArtifact", "uploadArtifact"})
_BYTES = _FILES | {
    "getArtifact",
    "getLoggedModelArtifact",
    "uploadRunArtifact",
    "downloadArchive",
    "downloadLoggedModelArchive",
    "uploadBundle",
    "downloadBundle",
    "readLog",
    "searchLog",
    "readTable",
    "readLoggedModelTable",
    "readTableColumn",
    "readLoggedModelTableColumn",
}


class RefusedRoute:
    """A route that this mode does not serve: it says so, whatever is asked."""

    def __init__(self, method: str, path: str, refusal: Answer) -> None:
        self.method = method
        self.path = path
        self._refusal = refusal

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        """Answer one request; a body is not read."""
        del incoming, receive
        return self._refusal


def refusal(endpoint: Endpoint[Any, Any], path: str, config: ServerConfig) -> Answer | None:
    """What the server says instead of answering *endpoint* at *path*; None when it answers."""
    is_proxied = endpoint.group == _PROXY_GROUP
    if config.artifacts_only:
        if not is_proxied and endpoint.name != "getServerInfo":
            return _disabled(path, "--artifacts-only", "start it without that option")
    elif not config.serve_artifacts and is_proxied:
        if endpoint.name in _FILES:
            text = "Artifact serving is disabled. Start the server with --serve-artifacts."
            told = {"detail": text, "error_code": "TEMPORARILY_UNAVAILABLE", "message": text}
            return Answer(msgspec.json.encode(told), 503)
        return _disabled(path, "--no-serve-artifacts", "start it with `--serve-artifacts`")
    if config.artifacts_presigned_only and endpoint.name in _BYTES:
        return explained(
            PermissionDenied(
                "Artifacts do not pass through this server: ask for a signed URL.",
                artifacts_presigned_only=True,
            )
        )
    return None


def refusals(config: ServerConfig) -> dict[str, str]:
    """Calls that a server so started does not answer, and why, as a person would be told."""
    if config.artifacts_only:
        why = "The server was started with --artifacts-only: it keeps nothing else."
    elif not config.serve_artifacts:
        why = (
            "The server was started with --no-serve-artifacts: clients reach the files themselves."
        )
    else:
        why = "The server was started with --artifacts-presigned-only: no file passes through it."
    return {row.name: why for row in ENDPOINTS if refusal(row, row.paths[0], config) is not None}


def default_root(config: ServerConfig) -> str:
    """Where the artifacts of new experiments go."""
    if config.default_artifact_root:
        return _absolute(config.default_artifact_root)
    return PROXY if config.serve_artifacts or config.artifacts_only else _absolute(DIRECT_ROOT)


def places(config: ServerConfig, open_store: Callable[[str], ArtifactStore]) -> Places:
    """Where the server itself may read and write."""
    proxies = config.serve_artifacts or config.artifacts_only
    given = [default_root(config), *(one.strip() for one in config.artifact_roots.split(","))]
    return Places(
        open_store,
        destination=_absolute(config.artifacts_destination) if proxies else None,
        roots=[_absolute(one) for one in given if one and not one.startswith("mlflow-artifacts:")],
    )


def _disabled(path: str, option: str, way_out: str) -> Answer:
    text = (
        f"Endpoint: {path} disabled due to the server running in `{option}` mode. "
        f"To enable it, {way_out}."
    )
    return Answer(text.encode(), 503, TEXT)


def _absolute(uri: str) -> str:
    is_relative = uris.place(uri).scheme == "file" and not uri.lower().startswith(("file:", "/"))
    return (Path.cwd() / uri).as_posix() if is_relative else uri
