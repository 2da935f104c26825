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
LOGGED_IMAGES: Final = "mlflow.loggedImages"
"""Set on runs that have images under keys."""
LOGGED_ARTIFACTS: Final = "mlflow.loggedArtifacts"
"""JSON list of the tables that a run has, each `{"path": ..., "type": "table"}`."""
DATASET_CONTEXT: Final = "mlflow.data.context"
"""Tag of a dataset input: what the data was used for (`training`, `eval`)."""
MODEL_VERSIONS: Final = "mlflow.modelVersions"
"""Of a logged model: a JSON list of the versions that were registered from it."""
IS_PROMPT: Final = "mlflow.prompt.is_prompt"

END_CAUSE: Final = "millrace.end.cause"
"""Why a run ended: `returned`, `exception: ...`, `signal: SIGTERM`, `exit: 3`, `lease expired`,
`stopped by: ada`."""
STOP: Final = "millrace.stop"
"""Who asked the run to stop, and when: JSON of a `StopAsked`. Goes when the run is resumed."""
SPOOL_ID: Final = "millrace.spool.id"
"""The id that a run had while it was in a spool; finds it again when an answer was lost."""
