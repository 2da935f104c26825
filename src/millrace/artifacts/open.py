"""From a URI to the artifacts behind it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from millrace.artifacts.location import scheme_of, shown
from millrace.core.errors import InvalidArgument, NotSupported
from millrace.core.plugins import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.artifacts.protocols import ArtifactStore
    from millrace.http.client import HttpClient


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What opening may need of the caller beyond the URI.

    `server(address)` is asked for the client of a tracking server: the caller's own for None, else
    that of `host` or `host:port`. The caller decides which credentials may go there. `web(url)`:
    the client of any other web server; without it, one that does not look at addresses.
    `patience_s`: how long one request goes on trying while its server is busy or away.
    """

    server: Callable[[str | None], HttpClient] | None = None
    web: Callable[[str], HttpClient] | None = None
    patience_s: float = 60.0


class Opener(Protocol):
    """Opens the artifacts at a URI of one scheme."""

    def __call__(self, uri: str, reach: Reach) -> ArtifactStore:
        """Open them, without touching them more than need be."""
        ...


OPENERS: Registry[Opener] = Registry(
    "millrace.artifacts",
    {
        "file": "millrace.artifacts.local:open_local",
        "s3": "millrace.artifacts.s3:open_s3",
        "gs": "millrace.artifacts.gcs:open_gcs",
        **dict.fromkeys(
            ("wasb", "wasbs", "abfs", "abfss", "az"), "millrace.artifacts.azure:open_azure"
        ),
        "mlflow-artifacts": "millrace.artifacts.proxied:open_proxied",
        "sftp": "millrace.artifacts.sftp:open_sftp",
        "ftp": "millrace.artifacts.ftp:open_ftp",
        "ftps": "millrace.artifacts.ftp:open_ftp",
        "hdfs": "millrace.artifacts.hdfs:open_hdfs",
        "viewfs": "millrace.artifacts.hdfs:open_hdfs",
        "http": "millrace.artifacts.web:open_web",
        "https": "millrace.artifacts.web:open_web",
        "memory": "millrace.artifacts.memory:open_memory",
    },
)


def open_artifacts(uri: str, reach: Reach = Reach()) -> ArtifactStore:
    """Open the artifacts at *uri*, a path or `scheme://...`; the caller closes the store.

    `InvalidArgument` for a scheme that nobody offers, `MissingExtra` where its library is missing.
    Whether a client may name this URI at all is decided above.
    """
    scheme = scheme_of(uri)
    if scheme == "file" and os.open not in os.supports_dir_fd:
        raise NotSupported(
            "Artifacts in local folders need a system with openat(), such as Linux or macOS; "
            "log them through a tracking server."
        )
    opener = OPENERS.find(scheme)
    if opener is None:
        offered = ", ".join(OPENERS.names())
        raise InvalidArgument(
            f"No artifact store for {shown(uri)}: nobody offers the scheme {scheme!r}. Offered: "
            f"{offered}, and plain paths. A plugin can add it (entry point 'millrace.artifacts')."
        )
    return opener(uri, reach)
