"""Events: what changes, as it changes, in one stream."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from millrace.api.endpoint import Endpoint, Id, Reply, Request, Results, reads

Topic = Literal["experiments", "runs", "registry", "approvals", "webhooks", "other"]
Few = Annotated[tuple[Id, ...], msgspec.Meta(max_length=500)]


class ListenEvents(Request, frozen=True, kw_only=True):
    """Which events; absent: all. With experiments or runs, of experiments, runs and what is logged
    only those of them. `last_event_id` stands for the header Last-Event-ID: what came after it
    comes first."""

    topics: tuple[Topic, ...] = ()
    experiment_ids: Few = ()
    run_ids: Few = ()
    last_event_id: str | None = None


class Event(Reply, frozen=True, kw_only=True):
    """Something has changed. `type` is the action of the audit trail, such as `run.end` or
    `model_version.transition`; `run.data` for what is logged to a run, twice a second at most; or
    `reset`, when more was missed than is told: look at everything anew.

    `kind` and `id` name the object, `experiment_id` where it is, if it is in one.
    """

    type: str
    topic: Topic
    kind: str | None = None
    id: str | None = None
    experiment_id: str | None = None
    at_ms: int
    actor: str | None = None


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="listenEvents",
        group="Events",
        method="GET",
        path="/millrace/events",
        versions=("3.0",),
        request=ListenEvents,
        response=Event,
        needs=reads(Results("events")),
        streams="events",
        summary="Listen to what changes: server-sent events, which can be taken up where they "
        "ended.",
    ),
)
