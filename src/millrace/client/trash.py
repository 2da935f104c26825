"""Verbs for the trash: what is in it, and removing it for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.api.endpoint import Nothing
from millrace.api.trash import (
    EmptyTrash,
    RestoreLoggedModel,
    SearchTrash,
    TrashEmptied,
    TrashReply,
)
from millrace.client.verbs import PagedList, Verbs
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.api.trash import Removal
    from millrace.core.entities.trash import TrashItem, TrashKind

# The server answers in half a minute with what it has done by then.
_EMPTYING: Final = Patience(retries=3, backoff_s=1.0, jitter_s=1.0, timeout_s=120.0, total_s=600.0)


class TrashVerbs(Verbs):
    """List, restore and empty."""

    def search_trash(
        self,
        kind: TrashKind,
        *,
        experiment_id: str | None = None,
        alone: bool = False,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[TrashItem]:
        """A page of the things of a kind in the trash, the longest there first.

        *alone*: without runs and models whose experiment is in the trash, too.
        """
        request = SearchTrash(
            kind=kind,
            experiment_id=experiment_id,
            alone=alone or None,
            max_results=max_results,
            page_token=page_token,
        )
        reply = self._call("searchTrash", request, TrashReply)
        return PagedList(reply.items, reply.next_page_token)

    def restore_logged_model(self, model_id: str) -> None:
        """Take a logged model out of the trash."""
        self._call("restoreLoggedModel", RestoreLoggedModel(model_id=model_id), Nothing)

    def empty_trash(
        self,
        *,
        run_ids: Sequence[str] = (),
        experiment_ids: Sequence[str] = (),
        logged_model_ids: Sequence[str] = (),
        older_than_ms: int | None = None,
        dry_run: bool = False,
    ) -> list[Removal]:
        """Remove things in the trash for good, artifacts too; what became of each.

        Without any id everything is removed that has been there for *older_than_ms*. With *dry_run*
        nothing changes, and the answer says what would.
        """
        told: dict[tuple[str, str], Removal] = {}

        def left(kind: TrashKind, ids: Sequence[str]) -> tuple[str, ...] | None:
            return tuple(one for one in ids if (kind, one) not in told) or None

        is_named = bool(run_ids or experiment_ids or logged_model_ids)
        while True:
            request = EmptyTrash(
                run_ids=left("run", run_ids),
                experiment_ids=left("experiment", experiment_ids),
                logged_model_ids=left("logged_model", logged_model_ids),
                older_than_ms=older_than_ms,
                dry_run=dry_run or None,
            )
            if is_named and not (
                request.run_ids or request.experiment_ids or request.logged_model_ids
            ):
                return list(told.values())  # else "nothing" would mean everything
            reply = self._call("emptyTrash", request, TrashEmptied, patience=_EMPTYING)
            told |= {(one.kind, one.id): one for one in reply.removals}
            if not reply.more or not any(one.outcome == "removed" for one in reply.removals):
                return list(told.values())
