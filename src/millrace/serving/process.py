"""A model process: loads one model, then answers what the accepting process hands it.

Started as `python -m millrace.serving.process DESCRIPTOR`, perhaps with another interpreter than
the accepting process has. It ends when the other end of the socket is closed: signals that a
terminal or a supervisor sends to all of us are the accepting process's to handle.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import signal
import socket
import sys
from typing import Final

import msgspec

from millrace.core.errors import MillraceError
from millrace.serving import describe
from millrace.serving.frames import Channel, Failed, Job, Order, Ready, Replies, parts
from millrace.serving.loading import load
from millrace.serving.memory import keep_freed
from millrace.serving.payload import JSON
from millrace.serving.scoring import Model, Scorer

OK: Final = 200
_PR_SET_PDEATHSIG: Final = 1

logger = logging.getLogger(__name__)


def main() -> None:
    """Serve the model until there is nobody to serve it to."""
    descriptor, order = int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Order)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end_with_parent()
    keep_freed()
    logging.basicConfig(
        level=order.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        scorer, ready = _opened(order)
    except Exception as error:
        if not isinstance(error, MillraceError):
            logger.exception("the model cannot be loaded")
        said = (
            error.message
            if isinstance(error, MillraceError)
            else f"{type(error).__name__}: {error}"
        )
        channel.send(Failed(said))
        raise SystemExit(1) from None
    # The model stays until the end: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    channel.send(ready)
    serve(channel, scorer)


def serve(channel: Channel, scorer: Scorer) -> None:
    """Answer until the other end is gone."""
    while received := channel.receive():
        jobs, body = received
        bodies = parts([job.size for job in jobs], body)
        answers = scorer.answer(list(zip(jobs, bodies, strict=True)))
        replies = [reply for reply, _ in answers]
        try:
            channel.send(
                Replies(replies=replies, predicting_s=scorer.predicting_s),
                [answer for _, answer in answers],
            )
        except BrokenPipeError:
            return


def _opened(order: Order) -> tuple[Scorer, Ready]:
    model = load(order.folder, trusted=order.trusted)
    scorer = Scorer(model, name=order.name, version=order.version, max_rows=order.max_rows)
    _warm_up(scorer, model)
    metadata = scorer.tensors.metadata(order.name, order.version, model.platform)
    ready = Ready(
        name=order.name,
        version=order.version,
        openapi=msgspec.json.encode(describe.document(model, order.name)),
        metadata=msgspec.json.encode(metadata),
    )
    return scorer, ready


def _warm_up(scorer: Scorer, model: Model) -> None:
    """Score the stored example, so that the first request does not wait for libraries to load."""
    if model.example is None:
        return
    body = msgspec.json.encode(model.example)
    job = Job(task="invoke", size=len(body), request_id="example", content_type=JSON)
    [(reply, said)] = scorer.answer([(job, body)])
    if reply.status != OK:
        logger.warning("the model does not score its own example: %s", said[:1000].decode())


def _end_with_parent() -> None:
    """Have the kernel end us, too, when the accepting process is killed while the model works."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
