"""What the verbs of the explicit client share: calls, ids, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.table import BY_NAME
from millrace.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.api.endpoint import Reply, Request
    from millrace.client.batching import Channel
    from millrace.http.patience import Patience

T = TypeVar("T")
R = TypeVar("R", bound="Reply | Request")


class PagedList(list[T]):
    """A page of results; `token` leads to the next one, None: this was the last."""

    def __init__(self, items: Iterable[T], token: str | None) -> None:
        super().__init__(items)
        self.token = token


class Verbs:
    """Calls on the channel of one tracking URI."""

    def __init__(
        self,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        channel: Channel | None = None,
    ) -> None:
        self._registry_uri = registry_uri
        self.tracking_uri = tracking_uri or (channel.uri if channel else connect.tracking_uri())
        self.channel = channel or connect.channel(self.tracking_uri)

    def _call(
        self, name: str, request: Request, answer: type[R], patience: Patience | None = None
    ) -> R:
        """Call the endpoint *name* and read *answer*: its reply, or `Nothing` of it."""
        endpoint = BY_NAME[name]
        if endpoint.response is not answer:
            if answer is not Nothing:
                raise TypeError(f"{name} answers with {endpoint.response}, not {answer}.")
            endpoint = msgspec.structs.replace(endpoint, response=answer)
        found: R = self.channel.call(endpoint, request, patience=patience)
        return found

    def _id(self, some_id: str) -> str:
        """What the server calls a run or experiment that may have begun in the spool."""
        return self.channel.server_id(str(some_id))
