"""Logging a model: where its folder goes, and what runs and the registry hear of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from millrace.client import fluent
from millrace.client.client import MillraceClient
from millrace.client.entities import LoggedModelOutput
from millrace.client.registry import WAIT_S
from millrace.core.errors import InvalidArgument
from millrace.core.uris import safe_path
from millrace.models import packaging
from millrace.models.model import Model, ModelInfo

if TYPE_CHECKING:
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.models.flavor import Flavor
    from millrace.models.packaging import Packaging


class Place(Struct, kw_only=True):
    """Where a model is logged to, under the field's names.

    *name*: it becomes a logged model with an id of its own. *artifact_path*: it goes among the
    artifacts of the run. *model_id*: a logged model that is there and still pending. *run_id*: the
    run, the active one by default. *registered_model_name*: it is registered, too.
    """

    artifact_path: str | None = None
    name: str | None = None
    registered_model_name: str | None = None
    await_registration_for: int | None = WAIT_S
    params: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] | None = None
    model_type: str | None = None
    step: int = 0
    model_id: str | None = None
    run_id: str | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any], artifact_path: str | None) -> Place:
        """The place that *options* name, which are taken out of them."""
        known = {name: options.pop(name) for name in cls.__struct_fields__ if name in options}
        return cls(**{**known, "artifact_path": artifact_path})


def log(
    flavor: Flavor[Any], model: Any, place: Place, packed: Packaging, options: dict[str, Any]
) -> ModelInfo:
    """Save the model, upload its folder, and say so; what is known of it then."""
    if place.artifact_path is not None and place.name is not None:
        raise InvalidArgument("Give log_model a name or an artifact_path, and not both.")
    with tempfile.TemporaryDirectory(prefix="millrace-model-") as scratch:
        folder = Path(scratch, "model")
        if place.artifact_path is not None and place.model_id is None:
            info = _log_to_run(flavor, model, place, packed, options, folder)
        else:
            info = _log_as_model(flavor, model, place, packed, options, folder)
    if place.registered_model_name is not None:
        version = fluent_client().register_model(
            info.model_uri, place.registered_model_name, place.await_registration_for
        )
        info.registered_model_version = int(version.version)
    return info


def fluent_client() -> MillraceClient:
    """The client of the active run, else of the tracking URI."""
    return fluent.run_and_client()[1] if fluent.active_run() else MillraceClient()


def _log_to_run(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    place: Place,
    packed: Packaging,
    options: dict[str, Any],
    folder: Path,
) -> ModelInfo:
    run_id, client = fluent.run_and_client(place.run_id)
    path = safe_path(place.artifact_path or "")
    about = Model(artifact_path=path, run_id=run_id)
    saved = packaging.save(flavor, model, folder, packed, options, about)
    client.log_artifacts(run_id, folder, path)
    client.note_model(run_id, json.dumps(saved.to_dict(), default=str))
    return ModelInfo(model=saved, model_uri=f"runs:/{run_id}/{path}")


def _log_as_model(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    place: Place,
    packed: Packaging,
    options: dict[str, Any],
    folder: Path,
) -> ModelInfo:
    active = fluent.active_run()
    run_id = place.run_id or (active.info.run_id if active else None)
    client = fluent_client()
    announced = _announced(client, place, run_id)
    model_id = announced.info.model_id
    try:
        about = Model(
            artifact_path=announced.info.artifact_uri,
            run_id=announced.info.source_run_id or run_id,
            model_id=model_id,
        )
        saved = packaging.save(flavor, model, folder, packed, options, about)
        client.log_model_artifacts(model_id, folder)
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise
    done = client.finalize_logged_model(model_id, "READY")
    return ModelInfo(
        model=saved,
        model_uri=f"models:/{model_id}",
        name=done.info.name,
        params=done.data.params,
        tags=done.info.tags,
    )


def _announced(client: MillraceClient, place: Place, run_id: str | None) -> LoggedModel:
    """The logged model to be, linked to its run and with the run's params."""
    if place.model_id is not None:
        return client.get_logged_model(place.model_id)
    run = client.get_run(run_id) if run_id is not None else None
    experiment_id = run.info.experiment_id if run else fluent.active_experiment_id(client)
    params = {
        **(run.data.params if run else {}),
        **{k: str(v) for k, v in (place.params or {}).items()},
    }
    made = client.create_logged_model(
        experiment_id, place.name, run_id, place.tags, params or None, place.model_type
    )
    if run_id is not None:
        client.log_outputs(run_id, [LoggedModelOutput(made.info.model_id, place.step)])
    return made
