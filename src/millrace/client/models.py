"""Verbs for logged models: a model as a run made it, before anybody registers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.api.endpoint import Nothing
from millrace.api.logged_models import (
    CreateLoggedModel,
    DatasetOfMetric,
    DeleteLoggedModelTag,
    FinalizeLoggedModel,
    LoggedModelId,
    LoggedModelReply,
    LoggedModelsReply,
    LogLoggedModelParams,
    OrderLoggedModelsBy,
    SearchLoggedModels,
    SetLoggedModelTags,
)
from millrace.api.tracking import LogModel
from millrace.client.records import entries
from millrace.client.verbs import PagedList, Verbs
from millrace.core.entities.logged_model import STATUS_NUMBERS
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.core.entities.logged_model import LoggedModel, LoggedModelStatus

_STATUSES: Final[dict[str, LoggedModelStatus]] = {
    "PENDING": "LOGGED_MODEL_PENDING",
    "READY": "LOGGED_MODEL_READY",
    "FAILED": "LOGGED_MODEL_UPLOAD_FAILED",
    **{name: name for name in STATUS_NUMBERS.values()},
}


class LoggedModelVerbs(Verbs):
    """Create, finalize, find, tag and delete logged models."""

    def create_logged_model(  # noqa: PLR0913, PLR0917 - the field's signature
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Announce a model; it is pending until it is finalized."""
        request = CreateLoggedModel(
            experiment_id=self._id(experiment_id),
            name=name,
            source_run_id=self._id(source_run_id) if source_run_id else None,
            tags=entries("Tag", tags) if tags else None,
            params=entries("Param", params) if params else None,
            model_type=model_type,
        )
        return self._call("createLoggedModel", request, LoggedModelReply).model

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Say how it went: *status* is `READY` or `FAILED`."""
        if status not in _STATUSES:
            raise InvalidArgument(f"Status {status!r}: expected one of {', '.join(_STATUSES)}.")
        request = FinalizeLoggedModel(model_id=model_id, status=_STATUSES[status])
        return self._call("finalizeLoggedModel", request, LoggedModelReply).model

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """The model with its params, tags and metrics; `NotFound`."""
        return self._call(
            "getLoggedModel", LoggedModelId(model_id=model_id), LoggedModelReply
        ).model

    def delete_logged_model(self, model_id: str) -> None:
        """Delete the model."""
        self._call("deleteLoggedModel", LoggedModelId(model_id=model_id), Nothing)

    def note_model(self, run_id: str, model_json: str) -> None:
        """Note in a run that there is a model among its artifacts: the content of its `MLmodel`."""
        request = LogModel(
            run_id=self._id(run_id), run_uuid=self._id(run_id), model_json=model_json
        )
        self._call("logModel", request, Nothing)

    def log_model_params(self, model_id: str, params: Mapping[str, object]) -> None:
        """Log params of the model."""
        request = LogLoggedModelParams(model_id=model_id, params=entries("Param", params))
        self._call("logLoggedModelParams", request, Nothing)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, object]) -> None:
        """Set tags of the model."""
        request = SetLoggedModelTags(model_id=model_id, tags=entries("Tag", tags))
        self._call("setLoggedModelTags", request, Nothing)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Delete a tag of the model; `NotFound` when it has none of that key."""
        request = DeleteLoggedModelTag(model_id=model_id, tag_key=key)
        self._call("deleteLoggedModelTag", request, Nothing)

    def search_logged_models(  # noqa: PLR0913, PLR0917 - the field's signature
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, str]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, object]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Find models of some experiments.

        *datasets* are mappings with `dataset_name` and perhaps `dataset_digest`, *order_by* with
        `field_name` and perhaps `ascending`, `dataset_name`, `dataset_digest`.
        """
        request = SearchLoggedModels(
            experiment_ids=tuple(self._id(each) for each in experiment_ids),
            filter=filter_string,
            datasets=tuple(DatasetOfMetric(**each) for each in datasets or ()) or None,
            max_results=max_results,
            order_by=tuple(_order(each) for each in order_by or ()) or None,
            page_token=page_token,
        )
        reply = self._call("searchLoggedModels", request, LoggedModelsReply)
        return PagedList(reply.models, reply.next_page_token)


def _order(order: Mapping[str, object]) -> OrderLoggedModelsBy:
    return OrderLoggedModelsBy(**order)  # type: ignore[arg-type]  # checked by the server
