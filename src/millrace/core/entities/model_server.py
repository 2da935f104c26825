"""Model servers: which process serves which registered version, for as long as it says so."""

from __future__ import annotations

from millrace.core.entities.entity import Entity


class ModelServer(Entity, frozen=True, kw_only=True):
    """A process that serves a version. It counts until its lease ends, by the clock of the store.

    `endpoint`: what it calls the model. `url`, `host`: where it is, as it says itself; nobody asks
    there. `model_uri`: what it was told to serve, such as an alias. `started_timestamp`: when it
    became ready. Times in milliseconds since the epoch.
    """

    server_id: str
    name: str
    version: str
    endpoint: str
    url: str
    host: str
    model_uri: str
    user_id: str
    is_verified: bool
    started_timestamp: int
    lease_until_timestamp: int

    def recorded(self) -> dict[str, object]:
        """What the audit trail tells of it: all but its lease, which is renewed all the time."""
        return {name: value for name, value in self if name != "lease_until_timestamp"}


class ServersAsked(Entity, frozen=True, kw_only=True):
    """Which model servers are meant: those of a model or a version of it, of an endpoint, on a
    host; all where nothing is said. `at_ms`: those whose lease has not ended then."""

    at_ms: int
    name: str | None = None
    version: int | None = None
    endpoint: str | None = None
    host: str | None = None
