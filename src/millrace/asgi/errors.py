"""Exceptions as answers: the only place that turns the one into the other."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import msgspec

from millrace.asgi.exchange import Answer
from millrace.core.errors import LimitExceeded, MillraceError, Unavailable

if TYPE_CHECKING:
    from millrace.asgi.exchange import Incoming

logger = logging.getLogger(__name__)


class Disconnected(Exception):
    """The client went away in the middle of its request; there is nobody to answer."""


def answer_to(error: Exception, incoming: Incoming) -> Answer:
    """The error object of the wire contract; of a bug it tells no more than the request id."""
    if isinstance(error, MillraceError):
        return explained(error)
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
    return explained(MillraceError(message))


def explained(error: MillraceError) -> Answer:
    """The answer for what the platform can explain."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, Unavailable | LimitExceeded):
        # Spread, so that a crowd that was sent away does not come back as one.
        headers = ((b"retry-after", b"%d" % random.randint(1, 5)),)  # noqa: S311
    return Answer(msgspec.json.encode(error.body()), error.status, headers=headers)
