"""Exceptions as answers: the only place that turns the one into the other."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.asgi.exchange import Answer
from millrace.core.errors import LimitExceeded, MillraceError, Unavailable

if TYPE_CHECKING:
    from millrace.asgi.exchange import Incoming

logger = logging.getLogger(__name__)

_PROBLEM: Final = b"application/problem+json"


class Disconnected(Exception):
    """The client went away in the middle of its request; there is nobody to answer."""


def answer_to(error: Exception, incoming: Incoming) -> Answer:
    """The error object of the wire contract; of a bug it tells no more than the request id.

    To who asks for one (`Accept: application/problem+json`) it is a problem document.
    """
    if isinstance(error, MillraceError):
        return explained(error, incoming)
    trace = incoming.headers.get(b"traceparent", b"none")[:64].decode("latin-1")
    logger.error(
        "request %s failed (%s %r, traceparent %r)",
        incoming.request_id,
        incoming.method,
        incoming.path,
        trace,
        exc_info=error,
    )
    message = f"The server failed at this request; its log says why under {incoming.request_id}."
    return explained(MillraceError(message), incoming)


def explained(error: MillraceError, incoming: Incoming | None = None) -> Answer:
    """The answer for what the platform can explain; to no request in particular, without its id."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, Unavailable | LimitExceeded):
        # Spread, so that a crowd that was sent away does not come back as one.
        headers = ((b"retry-after", b"%d" % random.randint(1, 5)),)  # noqa: S311
    if incoming is None:
        return Answer(msgspec.json.encode(error.body()), error.status, headers=headers)
    told = {"request_id": incoming.request_id}
    if _PROBLEM in incoming.headers.get(b"accept", b""):
        body = msgspec.json.encode(error.problem() | told)
        return Answer(body, error.status, _PROBLEM, headers)
    return Answer(msgspec.json.encode(error.body() | told), error.status, headers=headers)
