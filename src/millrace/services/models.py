"""Logged models: announcing, finalizing, tagging, finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.api.endpoint import Nothing
from millrace.api.logged_models import LoggedModelReply, LoggedModelsReply
from millrace.core import ids
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.logged_model import (
    STATUS_NUMBERS,
    LoggedModel,
    LoggedModelChange,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelRegistration,
)
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.filters import LOGGED_MODELS, order, parse
from millrace.core.rules import limits, names, searching
from millrace.core.rules.runs import last_of_each
from millrace.services.later import then
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.api.logged_models import (
        CreateLoggedModel,
        DeleteLoggedModelTag,
        FinalizeLoggedModel,
        LoggedModelId,
        LogLoggedModelParams,
        SearchLoggedModels,
        SetLoggedModelTags,
    )
    from millrace.api.tracking import Entry
    from millrace.core.filters.order import OrderKey
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import RegistryStore, TrackingStore

_NOTHING = Nothing()


class LoggedModels:
    """Decides about logged models; the store records."""

    def __init__(self, store: TrackingStore, registry: RegistryStore, tokens: Tokens) -> None:
        self._store = store
        self._registry = registry
        self._tokens = tokens

    def create(self, ctx: Context, request: CreateLoggedModel) -> Future[LoggedModelReply]:
        """Announce a model; it is pending."""
        model = LoggedModel(
            info=LoggedModelInfo(
                model_id=ids.logged_model_id(),
                experiment_id=names.experiment_id(request.experiment_id),
                name=names.logged_model_name(request.name) if request.name else ids.run_name(),
                creation_timestamp_ms=ctx.at_ms,
                last_updated_timestamp_ms=ctx.at_ms,
                artifact_uri="",
                status="LOGGED_MODEL_PENDING",
                model_type=request.model_type or "",
                source_run_id=request.source_run_id or "",
                tag_list=last_of_each(_entries(request.tags)),
            ),
            data=LoggedModelData(param_list=_distinct(_entries(request.params))),
        )
        return _reply(self._store.add_logged_model(model, trail=ctx.trail("logged_model.create")))

    def get(self, _ctx: Context, request: LoggedModelId) -> LoggedModelReply:
        """Get a model that is not in the trash."""
        found = self._store.logged_model(request.model_id)
        if found is None:
            raise NotFound(f"Logged model with id={request.model_id!r} not found.")
        return LoggedModelReply(model=self._with_registrations([found])[0])

    def finalize(self, ctx: Context, request: FinalizeLoggedModel) -> Future[LoggedModelReply]:
        """Say how the upload ended."""
        status = request.status
        if isinstance(status, int):
            if status not in STATUS_NUMBERS:
                raise InvalidArgument(f"Invalid value {status} for parameter 'status'.")
            status = STATUS_NUMBERS[status]
        if status == "LOGGED_MODEL_STATUS_UNSPECIFIED":
            raise InvalidArgument(
                "Invalid value 'LOGGED_MODEL_STATUS_UNSPECIFIED' for parameter 'status': say "
                "whether the model is pending, ready or failed."
            )
        change = LoggedModelChange(status=status, last_updated_timestamp_ms=ctx.at_ms)
        return self._change(ctx, request.model_id, change, "logged_model.finalize")

    def delete(self, ctx: Context, request: LoggedModelId) -> Future[Nothing]:
        """Move a model to the trash; once more changes nothing."""
        change = LoggedModelChange(deleted=True, deleted_ms=ctx.at_ms)
        trail = ctx.trail("logged_model.delete")
        changed = self._store.change_logged_model(request.model_id, change, trail=trail)
        return then(changed, lambda _: _NOTHING)

    def set_tags(self, ctx: Context, request: SetLoggedModelTags) -> Future[LoggedModelReply]:
        """Set tags."""
        tags = last_of_each(_entries(request.tags))
        change = LoggedModelChange(set_tags=tags)
        return self._change(ctx, request.model_id, change, "logged_model.set_tags")

    def delete_tag(self, ctx: Context, request: DeleteLoggedModelTag) -> Future[Nothing]:
        """Delete a tag that is there."""
        change = LoggedModelChange(delete_tag=request.tag_key)
        changed = self._change(ctx, request.model_id, change, "logged_model.delete_tag")
        return then(changed, lambda _: _NOTHING)

    def log_params(self, ctx: Context, request: LogLoggedModelParams) -> Future[Nothing]:
        """Add params; one that is there must be equal."""
        change = LoggedModelChange(add_params=_distinct(_entries(request.params)))
        changed = self._change(ctx, request.model_id, change, "logged_model.log_params")
        return then(changed, lambda _: _NOTHING)

    def _change(
        self, ctx: Context, model_id: str, change: LoggedModelChange, action: str
    ) -> Future[LoggedModelReply]:
        changed = self._store.change_logged_model(model_id, change, trail=ctx.trail(action))
        return _reply(changed)

    def search(self, _ctx: Context, request: SearchLoggedModels) -> LoggedModelsReply:
        """Find models."""
        asked = request.experiment_ids or ()
        keys = request.order_by or ()
        seen = [(one.dataset_name, one.dataset_digest or None) for one in request.datasets or ()]
        seen += [(key.dataset_name, key.dataset_digest or None) for key in keys if key.dataset_name]
        bound = ["models", asked, request.filter, seen, [(k.field_name, k.ascending) for k in keys]]
        ordered: list[OrderKey] = [
            order.named(key.field_name, LOGGED_MODELS, ascending=key.ascending is not False)
            for key in keys
        ]
        query = Query(
            tree=parse(request.filter or "", LOGGED_MODELS),
            order=tuple(ordered),
            limit=searching.limit(
                request.max_results or None,
                default=limits.SEARCH_MODELS_DEFAULT,
                most=limits.SEARCH_MODELS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        experiments = [names.experiment_id(one) for one in asked]
        page = self._store.find_logged_models(experiments, query, datasets=seen)
        return LoggedModelsReply(
            models=self._with_registrations(page.items),
            next_page_token=self._tokens.write(page.next, bound),
        )

    def _with_registrations(self, models: Sequence[LoggedModel]) -> tuple[LoggedModel, ...]:
        held = self._registry.versions_from(model_ids=[one.model_id for one in models])
        return tuple(
            replace(one, info=replace(one.info, registrations=_registrations(held[one.model_id])))
            if one.model_id in held
            else one
            for one in models
        )


def _registrations(held: Sequence[tuple[str, str]]) -> tuple[LoggedModelRegistration, ...]:
    return tuple(LoggedModelRegistration(name=name, version=version) for name, version in held)


def _reply(future: Future[LoggedModel]) -> Future[LoggedModelReply]:
    return then(future, lambda model: LoggedModelReply(model=model))


def _entries(entries: Sequence[Entry] | None) -> list[KeyValue]:
    checked = []
    for one in entries or ():
        if len(one.key) > limits.KEY_LENGTH:
            raise InvalidArgument(
                f"Key {one.key[:40]!r}... exceeds the maximum length of {limits.KEY_LENGTH} "
                f"characters: it has {len(one.key)}."
            )
        checked.append(KeyValue(key=one.key, value=one.value or ""))
    return checked


def _distinct(params: Sequence[KeyValue]) -> tuple[KeyValue, ...]:
    """Each param once; said twice it must be equal."""
    held: dict[str, KeyValue] = {}
    for param in params:
        if held.setdefault(param.key, param).value != param.value:
            raise InvalidArgument(f"Param {param.key!r} is given twice with different values.")
    return tuple(held.values())
