"""All endpoints, and the areas of the wire contract that are known but not offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.api import (
    approvals,
    artifact_files,
    artifacts,
    audit,
    evaluation,
    events,
    logged_models,
    logs,
    model_servers,
    moving,
    overview,
    previews,
    registry,
    run_tables,
    series,
    system,
    tasks,
    tracking,
    trash,
    views,
    webhooks,
)

if TYPE_CHECKING:
    from millrace.api.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types
    *tracking.ROWS,
    *moving.ROWS,
    *run_tables.ROWS,
    *series.ROWS,
    *logged_models.ROWS,
    *artifacts.ROWS,
    *artifact_files.ROWS,
    *previews.ROWS,
    *logs.ROWS,
    *evaluation.ROWS,
    *registry.ROWS,
    *model_servers.ROWS,
    *approvals.ROWS,
    *webhooks.ROWS,
    *audit.ROWS,
    *events.ROWS,
    *views.ROWS,
    *tasks.ROWS,
    *overview.ROWS,
    *trash.ROWS,
    *system.ROWS,
)

BY_NAME: Final = {endpoint.name: endpoint for endpoint in ENDPOINTS}

# Areas that clients may ask for: the answer names the area instead of "not found".
NOT_OFFERED: Final[tuple[tuple[str, str], ...]] = (
    ("/mlflow/traces", "traces"),
    ("/mlflow/unified-traces", "traces"),
    ("/mlflow/get-online-trace-details", "traces"),
    ("/mlflow/get-trace-artifact", "traces"),
    ("/mlflow/workspaces", "workspaces"),
    ("/mlflow/scorers", "scorers"),
    ("/mlflow/scorer", "scorers"),
    ("/mlflow/label-schemas", "label schemas"),
    ("/mlflow/review-queues", "review queues"),
    ("/mlflow/issues", "issues"),
    ("/mlflow/prompt-optimization", "prompt optimisation"),
    ("/mlflow/gateway", "the AI gateway"),
    ("/mlflow/gateway-proxy", "the AI gateway"),
    ("/mlflow/assistant", "the assistant"),
    ("/mlflow/mcp-servers", "MCP servers"),
    ("/mlflow/skills", "skills"),
    ("/mlflow/jobs", "jobs"),
    ("/mlflow/genai", "generative evaluation"),
    ("/mlflow/demo", "demo data"),
    ("/mlflow/ui-telemetry", "telemetry"),
    ("/mlflow/users", "user accounts"),
    ("/mlflow/roles", "user accounts"),
    ("/mlflow/experiments/permissions", "user accounts"),
    ("/mlflow/runs/create-promptlab-run", "the prompt lab"),
    ("/jobs", "jobs"),
)


def area_not_offered(path: str) -> str | None:
    """The area that *path* (below prefix and version) belongs to, if it is one we do not offer."""
    for start, area in NOT_OFFERED:
        if path == start or path.startswith(f"{start}/"):
            return area
    return None
