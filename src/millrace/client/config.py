"""Switches of the client (`millrace.config`)."""

from __future__ import annotations

from millrace.client.fluent import (
    disable_system_metrics_logging,
    enable_system_metrics_logging,
    set_system_metrics_node_id,
    set_system_metrics_samples_before_logging,
    set_system_metrics_sampling_interval,
)
from millrace.core import settings

__all__ = [
    "disable_system_metrics_logging",
    "enable_async_logging",
    "enable_system_metrics_logging",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
]


def enable_async_logging(enable: bool = True) -> None:  # noqa: FBT001, FBT002 - the field's
    """Let log calls return at once, in this process and its children; False: wait again."""
    settings.ENABLE_ASYNC_LOGGING.put("true" if enable else "false")
