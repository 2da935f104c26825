"""Reserved tag keys and what they mean. The field's keys keep the field's prefix."""

from __future__ import annotations

from typing import Final

RUN_NAME: Final = "mlflow.runName"
"""The run's name; setting it renames the run."""
USER: Final = "mlflow.user"
PARENT_RUN_ID: Final = "mlflow.parentRunId"
NOTE: Final = "mlflow.note.content"
"""Markdown description of a run or experiment."""
SOURCE_NAME: Final = "mlflow.source.name"
SOURCE_TYPE: Final = "mlflow.source.type"
GIT_COMMIT: Final = "mlflow.source.git.commit"
GIT_BRANCH: Final = "mlflow.source.git.branch"
GIT_REPO_URL: Final = "mlflow.source.git.repoURL"
GIT_DIRTY: Final = "mlflow.source.git.dirty"
ENTRY_POINT: Final = "mlflow.project.entryPoint"
AUTOLOGGING: Final = "mlflow.autologging"
LOGGED_MODELS: Final = "mlflow.log-model.history"
DATASET_CONTEXT: Final = "mlflow.data.context"
"""Tag of a dataset input: what the data was used for (`training`, `eval`)."""
IS_PROMPT: Final = "mlflow.prompt.is_prompt"

LEASE_TTL_MS: Final = "millrace.lease.ttl_ms"
"""Set by clients that send heartbeats: after this silence the run counts as lost."""
END_CAUSE: Final = "millrace.end.cause"
"""Why a run ended: `returned`, `exception: ...`, `signal: SIGTERM`, `exit: 3`, `lease expired`."""
SPOOL_ID: Final = "millrace.spool.id"
"""The id that a run had while it was in a spool; finds it again when an answer was lost."""
