"""The trash, as it is asked for: listing, restoring, emptying."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from millrace.api.endpoint import Nothing
from millrace.api.trash import Removal, TrashEmptied, TrashReply
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.registry import VersionName
from millrace.core.entities.trash import TrashQuery
from millrace.core.rules import limits, names, searching
from millrace.services.later import then
from millrace.services.retention import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from millrace.api.trash import EmptyTrash, RestoreLoggedModel, SearchTrash
    from millrace.core.entities.trash import TrashItem
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.services.retention import Retention
    from millrace.stores.protocols import Stores

# Clients and proxies wait no longer than a minute or so for an answer.
_ANSWER_IN_S: Final = 20.0
_NOTHING = Nothing()


class Trash:
    """Decides about the trash. *clock*: seconds that only go up."""

    def __init__(
        self,
        stores: Stores,
        tokens: Tokens,
        retention: Retention,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = stores
        self._tokens = tokens
        self._retention = retention
        self._clock = clock

    def search(self, _ctx: Context, request: SearchTrash) -> TrashReply:
        """List what is in the trash."""
        bound = ["trash", request.kind, request.experiment_id, request.alone]
        home = request.experiment_id
        query = TrashQuery(
            kind=request.kind,
            experiment_id=None if home is None else names.experiment_id(home),
            alone=bool(request.alone),
            limit=searching.limit(
                request.max_results, default=limits.TRASH_DEFAULT, most=limits.TRASH
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        page = self._stores.trash.find(query)
        return TrashReply(
            items=self._with_needs(page.items),
            next_page_token=self._tokens.write(page.next, bound),
        )

    def _with_needs(self, items: Sequence[TrashItem]) -> tuple[TrashItem, ...]:
        # To know it of an experiment, all that is in it would have to be gone through.
        needed = self._retention.needed([one for one in items if one.kind != "experiment"])
        return tuple(
            replace(
                one,
                needed_by=tuple(
                    VersionName(name=name, version=version) for name, version in needed[one]
                ),
            )
            if one in needed
            else one
            for one in items
        )

    def restore_model(self, ctx: Context, request: RestoreLoggedModel) -> Future[Nothing]:
        """Take a logged model out of the trash; once more changes nothing."""
        change = LoggedModelChange(deleted=False)
        trail = ctx.trail("logged_model.restore")
        restored = self._stores.tracking.change_logged_model(request.model_id, change, trail=trail)
        return then(restored, lambda _: _NOTHING)

    def empty(self, ctx: Context, request: EmptyTrash) -> TrashEmptied:
        """Remove what is in the trash for good, as far as the time for an answer goes."""
        selection = Selection(
            ids={
                "experiment": tuple(map(names.experiment_id, request.experiment_ids or ())),
                "run": request.run_ids or (),
                "logged_model": request.logged_model_ids or (),
            },
            older_than_ms=request.older_than_ms,
        )
        until = self._clock() + _ANSWER_IN_S
        told: list[Removal] = []
        for removal in self._retention.removals(ctx, selection, dry_run=bool(request.dry_run)):
            told.append(removal)
            if self._clock() >= until:
                return TrashEmptied(removals=tuple(told), more=True)
        return TrashEmptied(removals=tuple(told))
