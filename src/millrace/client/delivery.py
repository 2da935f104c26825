"""Sending records: ids translated, creates that happen once, refusals sorted out.

A batch that is refused is halved until what is wrong with it stands alone, so that one bad value
takes nothing else with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from millrace.api.table import BY_NAME
from millrace.api.tracking import Entry
from millrace.client.records import LOCAL, Called, Logged, Parcel, Record
from millrace.core import tags
from millrace.core.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidState,
    LimitExceeded,
    MillraceError,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.client.spool import Spool
    from millrace.client.transports import Transport
    from millrace.http.patience import Patience


# Stands in the map of ids for a thing whose creation was refused.
_NEVER = "-"


class Refusal(NamedTuple):
    """A record that the server will never take, and why."""

    record: Record
    error: Exception


class Unresolved(Unavailable):
    """A local id whose thing has not been sent yet: another journal holds its creation."""


def is_away(error: Exception) -> bool:
    """Whether the same call may succeed later: nobody there, overloaded, signed out, or broken."""
    if isinstance(error, Unavailable | LimitExceeded | Unauthenticated):
        return True
    internal = isinstance(error, MillraceError) and error.status == MillraceError.status
    return internal and not isinstance(error, InvalidState)


class Delivery:
    """Sends records. Raises what `is_away` says yes to; everything else comes back as a refusal."""

    def __init__(self, transport: Transport, spool: Spool, patience: Patience | None) -> None:
        self._transport = transport
        self._spool = spool
        self._patience = patience

    def send(self, item: Parcel | Called, *, again: bool = False) -> list[Refusal]:
        """Send *item*; *again* when it may have arrived before."""
        if isinstance(item, Called):
            return self._call(item, again=again)
        try:
            run_id = self.known_as(item.run_id)
        except InvalidArgument as error:
            return [Refusal(record, error) for record in item.records]
        return self._send_batch(run_id, item.records)

    def known_as(self, some_id: str) -> str:
        """What the server calls *some_id*.

        `Unresolved` when it has not heard of it yet, `InvalidArgument` when it did not want it.
        """
        if not some_id.startswith(LOCAL):
            return some_id
        found = self._spool.server_id(some_id)
        if found is None:
            raise Unresolved(f"{some_id!r} has not been sent to the server yet.")
        if found == _NEVER:
            raise InvalidArgument(f"{some_id!r} was refused by the server, and all that is in it.")
        return found

    def _send_batch(self, run_id: str, records: Sequence[Logged]) -> list[Refusal]:
        error = self._try_batch(run_id, records)
        if error is None:
            return []
        if len(records) == 1 or isinstance(error, PermissionDenied) or not self._is_active(run_id):
            return [Refusal(record, error) for record in records]
        return self._sorted_out(run_id, records)

    def _sorted_out(self, run_id: str, records: Sequence[Logged]) -> list[Refusal]:
        """Send the halves of a refused batch, in order, down to the records that are refused."""
        middle = len(records) // 2
        refusals = []
        for half in (records[:middle], records[middle:]):
            error = self._try_batch(run_id, half)
            if error is not None and len(half) == 1:
                refusals.append(Refusal(half[0], error))
            elif error is not None:
                refusals += self._sorted_out(run_id, half)
        return refusals

    def _is_active(self, run_id: str) -> bool:
        endpoint = BY_NAME["getRun"]
        request = endpoint.request(run_id=run_id, run_uuid=run_id)
        try:
            reply = self._transport.call(endpoint, request, patience=self._patience)
        except NotFound:
            return False
        return bool(reply.run.info.lifecycle_stage == "active")

    def _try_batch(self, run_id: str, records: Sequence[Logged]) -> Exception | None:
        request = Parcel(run_id, list(records)).batch(run_id)
        try:
            self._transport.call(BY_NAME["logBatch"], request, patience=self._patience)
        except Exception as error:
            if is_away(error):
                raise
            return error
        return None

    def _call(self, called: Called, *, again: bool) -> list[Refusal]:
        try:
            match called.endpoint:
                case "createRun" if called.local_id:
                    self._create_run(called, called.local_id)
                case "createExperiment" if called.local_id:
                    self._create_experiment(called, called.local_id)
                case _:
                    self._repeat(called)
        except Exception as error:
            if is_away(error):
                raise
            if again and called.endpoint == "deleteTag" and isinstance(error, NotFound):
                return []  # an answer that got lost
            if called.local_id:
                self._spool.learn(called.local_id, _NEVER)
            return [Refusal(called, error)]
        return []

    def _repeat(self, called: Called) -> Any:  # noqa: ANN401 - the reply of the endpoint
        endpoint = BY_NAME[called.endpoint]
        translated = self._translated(_request(called))
        return self._transport.call(endpoint, translated, key=called.key, patience=self._patience)

    def _create_run(self, called: Called, local_id: str) -> None:
        if self._spool.server_id(local_id) is None:
            # Servers that do not know the key would make a second run after a lost answer.
            found = self._run_tagged(called, local_id) or self._repeat(called).run.info.run_id
            self._spool.learn(local_id, found)

    def _run_tagged(self, called: Called, local_id: str) -> str | None:
        request = self._translated(_request(called))
        search = BY_NAME["searchRuns"]
        query = search.request(
            experiment_ids=(request.experiment_id,),
            filter=f"tags.`{tags.SPOOL_ID}` = '{local_id}'",
            run_view_type="ALL",
            max_results=1,
        )
        runs = self._transport.call(search, query, patience=self._patience).runs
        return runs[0].info.run_id if runs else None

    def _create_experiment(self, called: Called, local_id: str) -> None:
        if self._spool.server_id(local_id) is not None:
            return
        name = _request(called).name
        found = self._experiment_named(name)
        if found is None:
            try:
                found = self._repeat(called).experiment_id
            except AlreadyExists:
                found = self._experiment_named(name)
                if found is None:
                    raise
        self._spool.learn(local_id, found)

    def _experiment_named(self, name: str) -> str | None:
        endpoint = BY_NAME["getExperimentByName"]
        try:
            request = endpoint.request(experiment_name=name)
            reply = self._transport.call(endpoint, request, patience=self._patience)
        except NotFound:
            return None
        found: str = reply.experiment.experiment_id
        return found

    def _translated(self, request: Any) -> Any:  # noqa: ANN401 - a request of any endpoint
        """*request* with the server's ids in place of ours."""
        changes: dict[str, object] = {}
        for field in ("run_id", "run_uuid", "experiment_id"):
            value = getattr(request, field, None)
            if isinstance(value, str) and value.startswith(LOCAL):
                changes[field] = self.known_as(value)
        parent = next(
            (t for t in getattr(request, "tags", None) or () if t.key == tags.PARENT_RUN_ID), None
        )
        if parent is not None and (parent.value or "").startswith(LOCAL):
            known = Entry(key=tags.PARENT_RUN_ID, value=self.known_as(parent.value or ""))
            changes["tags"] = tuple(known if t is parent else t for t in request.tags)
        return msgspec.structs.replace(request, **changes) if changes else request


def _request(called: Called) -> Any:  # noqa: ANN401 - the request of its endpoint
    try:
        return msgspec.msgpack.decode(called.request, type=BY_NAME[called.endpoint].request)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"{called.endpoint}: {error}.") from error
