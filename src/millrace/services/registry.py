"""The model registry: registering, finding, changing, and putting versions where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from millrace.api.endpoint import Nothing
from millrace.api.registry import (
    DownloadUri,
    ModelVersionReply,
    ModelVersionsReply,
    RegisteredModelReply,
    RegisteredModelsReply,
)
from millrace.core import tags
from millrace.core.entities.registry import (
    AliasMove,
    ModelVersion,
    NewVersion,
    RegisteredModel,
    RegisteredModelChange,
    StageMove,
    VersionChange,
)
from millrace.core.errors import InvalidArgument
from millrace.core.filters import MODEL_VERSIONS, REGISTERED_MODELS, fields_of, order, parse
from millrace.core.filters.ast import TRUE, And, Comparison, Entity, Not, Op
from millrace.core.rules import limits, names, searching, sources
from millrace.core.rules import registry as rules
from millrace.services.later import noting_refusal, then
from millrace.services.origins import Origins, no_model, no_version
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from millrace.api.registry import (
        AliasOfModel,
        CreateModelVersion,
        CreateRegisteredModel,
        DeleteModelVersionTag,
        DeleteRegisteredModelTag,
        GetLatestVersions,
        ModelName,
        RenameRegisteredModel,
        Search,
        SetModelVersionTag,
        SetRegisteredModelAlias,
        SetRegisteredModelTag,
        TransitionStage,
        UpdateModelVersion,
        UpdateRegisteredModel,
        VersionOfModel,
    )
    from millrace.api.tracking import Entry
    from millrace.core.entities.audit import Trail
    from millrace.core.entities.entity import KeyValue
    from millrace.core.entities.registry import Move
    from millrace.core.errors import PermissionDenied
    from millrace.core.filters import Expr, FieldTable
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.services.manifests import Manifests
    from millrace.stores.protocols import RegistryStore, TrackingStore

T = TypeVar("T")

_NOTHING: Final = Nothing()


class Registry:
    """Decides about registered models and versions; the stores record.

    *store* may be in another place than *tracking*, which tells what runs and logged models are.
    """

    def __init__(
        self,
        store: RegistryStore,
        tracking: TrackingStore,
        tokens: Tokens,
        *,
        manifests: Manifests,
        refused: Callable[[Trail, str, str], Future[None]],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._origins = Origins(store, tracking)
        self._manifests = manifests
        self._refused = refused

    # --- models ---------------------------------------------------------------------------------

    def create(self, ctx: Context, request: CreateRegisteredModel) -> Future[RegisteredModelReply]:
        """Register a name."""
        model = RegisteredModel(
            name=rules.model_name(request.name),
            creation_timestamp=ctx.at_ms,
            last_updated_timestamp=ctx.at_ms,
            description=rules.prose(request.description) or None,
            tag_list=_new_tags(request.tags),
            deployment_job_id=request.deployment_job_id or None,
        )
        trail = ctx.trail("registered_model.create")
        return _model_reply(self._store.add_registered_model(model, trail=trail))

    def get(self, _ctx: Context, request: ModelName) -> RegisteredModelReply:
        """Get a model by name."""
        found = self._store.registered_model(request.name)
        if found is None:
            raise no_model(request.name)
        return RegisteredModelReply(registered_model=found)  # type: ignore[arg-type]  # ready JSON

    def rename(self, ctx: Context, request: RenameRegisteredModel) -> Future[RegisteredModelReply]:
        """Rename a model; to its own name changes nothing."""
        change = RegisteredModelChange(name=rules.model_name(request.new_name), at_ms=ctx.at_ms)
        return self._change(ctx, "registered_model.rename", request.name, change)

    def update(self, ctx: Context, request: UpdateRegisteredModel) -> Future[RegisteredModelReply]:
        """Change description or deployment job; what is absent stays."""
        change = RegisteredModelChange(
            description=rules.prose(request.description),
            deployment_job_id=request.deployment_job_id,
            at_ms=ctx.at_ms,
        )
        return self._change(ctx, "registered_model.update", request.name, change)

    def set_tag(self, ctx: Context, request: SetRegisteredModelTag) -> Future[Nothing]:
        """Set a tag."""
        change = RegisteredModelChange(set_tags=(rules.tag(request.key, request.value),))
        changed = self._change(ctx, "registered_model.set_tag", request.name, change)
        return then(changed, lambda _: _NOTHING)

    def delete_tag(self, ctx: Context, request: DeleteRegisteredModelTag) -> Future[Nothing]:
        """Delete a tag that may be there."""
        change = RegisteredModelChange(delete_tag=request.key)
        changed = self._change(ctx, "registered_model.delete_tag", request.name, change)
        return then(changed, lambda _: _NOTHING)

    def _change(
        self, ctx: Context, action: str, name: str, change: RegisteredModelChange
    ) -> Future[RegisteredModelReply]:
        changed = self._store.change_registered_model(name, change, trail=ctx.trail(action))
        return _model_reply(self._noted(ctx, action, name, changed))

    def delete(self, ctx: Context, request: ModelName) -> Future[Nothing]:
        """Delete a model with its versions, for good."""
        action = "registered_model.delete"
        deleted = self._store.delete_registered_model(request.name, trail=ctx.trail(action))
        return then(self._noted(ctx, action, request.name, deleted), lambda _: _NOTHING)

    def search(self, _ctx: Context, request: Search) -> RegisteredModelsReply:
        """Find models; prompts only when the filter speaks of them."""
        bound = ["registered models", request.filter, request.order_by]
        tree, prompts = _by_kind(parse(request.filter or "", REGISTERED_MODELS))
        query = Query(
            tree=tree,
            order=_order(request, REGISTERED_MODELS),
            limit=searching.limit(
                request.max_results,
                default=limits.SEARCH_REGISTERED_MODELS_DEFAULT,
                most=limits.SEARCH_REGISTERED_MODELS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._store.find_registered_models(query, prompts=prompts)
        return RegisteredModelsReply(
            registered_models=page.items,  # type: ignore[arg-type]  # ready JSON of models
            next_page_token=self._tokens.write(page.next, bound),
        )

    def latest_versions(self, _ctx: Context, request: GetLatestVersions) -> ModelVersionsReply:
        """Get the highest version of each stage."""
        found = self._store.latest_versions(request.name, rules.stages(request.stages))
        if found is None:
            raise no_model(request.name)
        return ModelVersionsReply(model_versions=tuple(found))  # type: ignore[arg-type]  # ready JSON

    # --- aliases --------------------------------------------------------------------------------

    def set_alias(self, ctx: Context, request: SetRegisteredModelAlias) -> Future[Nothing]:
        """Point an alias at a version."""
        move = AliasMove(
            name=request.name,
            alias=request.alias,
            version=rules.version_number(request.version),
            at_ms=ctx.at_ms,
        )
        return then(self._move(ctx, move), lambda _: _NOTHING)

    def delete_alias(self, ctx: Context, request: AliasOfModel) -> Future[Nothing]:
        """Delete an alias that may be there."""
        move = AliasMove(name=request.name, alias=request.alias, version=None, at_ms=ctx.at_ms)
        return then(self._move(ctx, move), lambda _: _NOTHING)

    def get_by_alias(self, _ctx: Context, request: AliasOfModel) -> ModelVersionReply:
        """Get the version that an alias points at."""
        if request.alias.lower() == rules.LATEST:
            found = self._store.highest_version(request.name)
        else:
            found = self._store.version_at(request.name, request.alias)
        if found is not None:
            return ModelVersionReply(model_version=found)  # type: ignore[arg-type]  # ready JSON
        if self._store.registered_model(request.name) is None:
            raise no_model(request.name)
        raise InvalidArgument(f"Registered model alias {request.alias} not found.")

    # --- versions -------------------------------------------------------------------------------

    def create_version(
        self, ctx: Context, request: CreateModelVersion
    ) -> Future[ModelVersionReply]:
        """Register a version under the next number."""
        new = self._origins.settled(
            NewVersion(
                name=request.name,
                source=request.source,
                location=request.source,
                created_ms=ctx.at_ms,
                run_id=names.plain_text(request.run_id or "", "run_id"),
                run_link=names.plain_text(request.run_link or "", "run_link"),
                model_id=request.model_id or None,
                description=rules.prose(request.description) or "",
                tag_list=_new_tags(request.tags),
            )
        )
        has_files = new.copy_of is None and not rules.is_prompt(new.tag_list)
        if has_files:
            new = replace(new, manifest=self._manifests.at_once(new.location))
        added = self._store.add_version(new, trail=ctx.trail("model_version.create"))

        def reply(version: ModelVersion) -> ModelVersionReply:
            if has_files and new.manifest is None:
                self._manifests.soon(version.name, version.version)
            return ModelVersionReply(model_version=version)

        return then(added, reply)

    def get_version(self, _ctx: Context, request: VersionOfModel) -> ModelVersionReply:
        """Get a version."""
        found = self._store.version(request.name, rules.version_number(request.version))
        if found is None:
            raise no_version(request.name, request.version)
        return ModelVersionReply(model_version=found)  # type: ignore[arg-type]  # ready JSON

    def update_version(
        self, ctx: Context, request: UpdateModelVersion
    ) -> Future[ModelVersionReply]:
        """Change the description; absent, it stays."""
        change = VersionChange(description=rules.prose(request.description), at_ms=ctx.at_ms)
        return self._change_version(ctx, "model_version.update", request, change)

    def set_version_tag(self, ctx: Context, request: SetModelVersionTag) -> Future[Nothing]:
        """Set a tag."""
        change = VersionChange(set_tags=(rules.tag(request.key, request.value),))
        changed = self._change_version(ctx, "model_version.set_tag", request, change)
        return then(changed, lambda _: _NOTHING)

    def delete_version_tag(self, ctx: Context, request: DeleteModelVersionTag) -> Future[Nothing]:
        """Delete a tag that may be there."""
        change = VersionChange(delete_tag=request.key)
        changed = self._change_version(ctx, "model_version.delete_tag", request, change)
        return then(changed, lambda _: _NOTHING)

    def _change_version(
        self,
        ctx: Context,
        action: str,
        of: UpdateModelVersion | SetModelVersionTag | DeleteModelVersionTag,
        change: VersionChange,
    ) -> Future[ModelVersionReply]:
        number = rules.version_number(of.version)
        changed = self._store.change_version(of.name, number, change, trail=ctx.trail(action))
        return _version_reply(changed)

    def delete_version(self, ctx: Context, request: VersionOfModel) -> Future[Nothing]:
        """Delete a version, for good."""
        number = rules.version_number(request.version)
        action = "model_version.delete"
        deleted = self._store.delete_version(
            request.name, number, at_ms=ctx.at_ms, trail=ctx.trail(action)
        )
        return then(self._noted(ctx, action, request.name, deleted), lambda _: _NOTHING)

    def search_versions(self, _ctx: Context, request: Search) -> ModelVersionsReply:
        """Find versions; those of prompts only when the filter speaks of them."""
        bound = ["model versions", request.filter, request.order_by]
        tree, prompts = _by_kind(parse(request.filter or "", MODEL_VERSIONS))
        query = Query(
            tree=tree,
            order=_order(request, MODEL_VERSIONS),
            limit=searching.limit(
                request.max_results,
                default=limits.SEARCH_VERSIONS_DEFAULT,
                most=limits.SEARCH_VERSIONS,
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._store.find_versions(query, prompts=prompts)
        return ModelVersionsReply(
            model_versions=page.items,  # type: ignore[arg-type]  # ready JSON of versions
            next_page_token=self._tokens.write(page.next, bound),
        )

    def download_uri(self, _ctx: Context, request: VersionOfModel) -> DownloadUri:
        """Get where the files of a version are."""
        found = self._store.location(request.name, rules.version_number(request.version))
        if found is None:
            raise no_version(request.name, request.version)
        if found not in sources.OF_PROMPTS:
            sources.spelling(found)
        return DownloadUri(artifact_uri=found)

    # --- putting versions where they are used ---------------------------------------------------

    def transition(self, ctx: Context, request: TransitionStage) -> Future[ModelVersionReply]:
        """Move a version to a stage."""
        move = StageMove(
            name=request.name,
            version=rules.version_number(request.version),
            stage=rules.stage(request.stage),
            archive_existing=bool(request.archive_existing_versions),
            at_ms=ctx.at_ms,
        )
        return then(self._move(ctx, move), _reply_of_move)

    def _move(self, ctx: Context, move: Move) -> Future[ModelVersion | None]:
        """Whatever changes what others load goes through here, and only here."""
        action = _action(move)
        moved = self._store.move(rules.move(move), trail=ctx.trail(action))
        return self._noted(ctx, action, move.name, moved)

    def _noted(self, ctx: Context, action: str, name: str, future: Future[T]) -> Future[T]:
        """What a policy does not allow is audited, too."""

        def note(error: PermissionDenied) -> Future[None]:
            return self._refused(ctx.refusal(action, error.message), "registered_model", name)

        return noting_refusal(future, note)


def _new_tags(given: Sequence[Entry] | None) -> tuple[KeyValue, ...]:
    return rules.tags_at_creation(rules.tag(one.key, one.value) for one in given or ())


def _order(request: Search, table: FieldTable) -> tuple[order.OrderKey, ...]:
    return order.parse(request.order_by or (), table)


_IS_PROMPT: Final = (Entity.TAG, tags.IS_PROMPT)


def _by_kind(tree: Expr) -> tuple[Expr, bool | None]:
    """The filter without what it says of prompts, and whether prompts are wanted.

    A filter that says nothing of them wants none. `tags.mlflow.prompt.is_prompt = 'true'` and its
    denial, by which the field's clients choose, are answered from a column; anything else is left
    in the filter, and then both kinds are looked at.
    """
    if not any((field.entity, field.key) == _IS_PROMPT for field in fields_of(tree)):
        return tree, False
    terms = tree.terms if isinstance(tree, And) else (tree,)
    rest = [term for term in terms if _wants_prompts(term) is None]
    wanted = {_wants_prompts(term) for term in terms} - {None}
    if len(wanted) != 1 or any(
        (field.entity, field.key) == _IS_PROMPT for term in rest for field in fields_of(term)
    ):
        return tree, None
    kept = TRUE if not rest else rest[0] if len(rest) == 1 else And(tuple(rest))
    return kept, wanted.pop()


def _wants_prompts(term: Expr) -> bool | None:
    match term:
        case Not(term=inner):
            wanted = _wants_prompts(inner)
            return None if wanted is None else not wanted
        case Comparison(field=field, op=Op.EQ, value="true"):
            return True if (field.entity, field.key) == _IS_PROMPT else None
    return None


def _action(move: Move) -> str:
    match move:
        case StageMove():
            return "model_version.transition"
        case AliasMove(version=None):
            return "registered_model.delete_alias"
        case AliasMove():
            return "registered_model.set_alias"


def _model_reply(future: Future[RegisteredModel]) -> Future[RegisteredModelReply]:
    return then(future, lambda model: RegisteredModelReply(registered_model=model))


def _version_reply(future: Future[ModelVersion]) -> Future[ModelVersionReply]:
    return then(future, lambda version: ModelVersionReply(model_version=version))


def _reply_of_move(version: ModelVersion | None) -> ModelVersionReply:
    if version is None:
        raise AssertionError("a version that entered a stage is there")
    return ModelVersionReply(model_version=version)
