"""What a model server is started with."""

from __future__ import annotations

import os
import sys
from typing import Final

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits, model_servers

PASSED: Final = frozenset(
    """
    PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR TEMP TMP SYSTEMROOT LD_LIBRARY_PATH
    DYLD_LIBRARY_PATH LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX JAVA_HOME SPARK_HOME SSL_CERT_FILE
    SSL_CERT_DIR NO_PROXY no_proxy KERAS_BACKEND
    """.split()
)
PASSED_FAMILIES: Final = (
    "LC_", "PYTHON", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "CUDA_", "NVIDIA_", "TORCH_", "TF_",
    "XLA_", "HF_HUB_OFFLINE", "TOKENIZERS_",
)  # fmt: skip
"""Environment variables that model processes get: what finds libraries and steers computing. All
others, tokens and database addresses among them, stay out unless they are named."""
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The registered version that is served, and the `models:/` URI that led to it."""

    name: str
    version: str
    uri: str


class ServingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The options; each default comes from its setting.

    `folder`: where the model is. `python`: the interpreter of model processes. `extra`: environment
    variables that model processes get beside `PASSED`. `batch_s` and `batch_requests`: how long to
    wait for requests to score together, and how many at most; with 1 each is scored alone.
    `registered`: what the registry is told of, with `public_url` as the address, unless `lease_s`
    is 0.
    """

    folder: str
    name: str = "model"
    version: str = "1"
    trusted: bool | None = None
    registered: Registered | None = None
    public_url: str | None = msgspec.field(default_factory=settings.SERVED_URL.get)
    lease_s: float = msgspec.field(default_factory=settings.SERVED_LEASE_SECONDS.get)
    python: str = sys.executable
    extra: dict[str, str] = {}
    host: str = msgspec.field(default_factory=settings.HOST.get)
    port: int = msgspec.field(default_factory=settings.PORT.get)
    workers: int = msgspec.field(default_factory=settings.MODEL_WORKERS.get)
    timeout_s: float = msgspec.field(default_factory=settings.SCORING_TIMEOUT.get)
    max_body: int = msgspec.field(default_factory=settings.SCORING_BODY_BYTES.get)
    max_rows: int = msgspec.field(default_factory=settings.SCORING_ROWS.get)
    max_waiting: int = msgspec.field(default_factory=settings.SCORING_QUEUE.get)
    batch_s: float = msgspec.field(default_factory=settings.SCORING_BATCH_SECONDS.get)
    batch_requests: int = msgspec.field(default_factory=settings.SCORING_BATCH_REQUESTS.get)
    grace_s: float = msgspec.field(default_factory=settings.GRACE_SECONDS.get)
    allowed_hosts: str | None = msgspec.field(default_factory=settings.ALLOWED_HOSTS.get)
    cors_allowed_origins: str | None = msgspec.field(
        default_factory=settings.CORS_ALLOWED_ORIGINS.get
    )
    log_level: str = msgspec.field(default_factory=settings.LOGGING_LEVEL.get)

    def __post_init__(self) -> None:
        """Refuse what cannot work, before anything is started."""
        for name in ("workers", "max_body", "max_rows", "max_waiting", "batch_requests"):
            if getattr(self, name) < 1:
                raise InvalidArgument(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if self.timeout_s <= 0 or self.batch_s < 0:
            raise InvalidArgument("The time limit must be above 0, the batch window 0 or more.")
        least, most = limits.SERVER_LEASE_LEAST_MS / 1000, limits.SERVER_LEASE_MOST_MS / 1000
        if self.lease_s and not least <= self.lease_s <= most:
            raise InvalidArgument(
                f"{settings.SERVED_LEASE_SECONDS.name} must be 0, or {least:g} to {most:g}; it is "
                f"{self.lease_s:g}."
            )
        if self.public_url:
            model_servers.url(self.public_url)

    def environment(self) -> dict[str, str]:
        """The environment of model processes, which share the machine's cores among them."""
        kept = settings.passed_on(PASSED, PASSED_FAMILIES)
        cores = max(1, (os.cpu_count() or 1) // self.workers)
        return dict.fromkeys(_THREADS, str(cores)) | kept | self.extra
