"""The model processes as the accepting process sees them: who is free, what waits, who has died.

A process works on one request (or one batch) at a time, so its death takes no other along. Requests
wait here, in order, for the first process that is free. A process that dies, or does not answer
within the time limit and is killed for it, is started anew, after a pause that grows while it keeps
dying.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from millrace.core.errors import LimitExceeded, MillraceError, Unavailable
from millrace.serving.frames import (
    Failed,
    Frames,
    Job,
    Jobs,
    Order,
    Ready,
    Replies,
    Reply,
    pack,
    parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.serving.config import ServingConfig

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0
SOUND_S: Final = 10.0
"""A process that lived this long was well; its successor starts at once."""
END_S: Final = 5.0
"""How long a process has to end by itself once nobody asks it anything any more."""
WAITING_BYTES: Final = 512 * 1024 * 1024
"""How much of the bodies may wait, all together."""

logger = logging.getLogger(__name__)


class TookTooLong(MillraceError):
    """The model did not answer within the time limit."""

    code, status = "TEMPORARILY_UNAVAILABLE", 504


class Ticket:
    """A request that waits, or is being scored."""

    __slots__ = ("answer", "body", "deadline", "is_alone", "job")

    def __init__(
        self, job: Job, body: bytes, answer: asyncio.Future[Answered], deadline: float
    ) -> None:
        self.job = job
        self.body = body
        self.answer = answer
        self.deadline = deadline
        # Set when it was in a batch whose process died: next time it has one for itself.
        self.is_alone = False


Answered = tuple[Reply, bytes]


class Pool:
    """The processes of one server, and what waits for them.

    *when_failed* is called with a sentence when the first process cannot load the model: then there
    is nothing to serve. *when_ready* is called when it can.
    """

    def __init__(
        self,
        config: ServingConfig,
        when_failed: Callable[[str], None],
        when_ready: Callable[[], None],
    ) -> None:
        self.ready: Ready | None = None
        self.starts = 0
        self.batches = 0
        self.scored_rows = 0
        self.predicting_s = 0.0
        self._config = config
        self._when_failed = when_failed
        self._when_ready = when_ready
        self._waiting: deque[Ticket] = deque()
        self._waiting_bytes = 0
        self._processes: list[ModelProcess] = []
        self._idle: deque[ModelProcess] = deque()
        self._is_stopping = False
        self._window: asyncio.TimerHandle | None = None
        self._patrol: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- for the application ----------------------------------------------------------------------

    async def start(self) -> None:
        """Start the first process; the others follow when it is ready."""
        self._patrol = asyncio.create_task(self._watch_time())
        await self._launch(failures=0)

    async def stop(self) -> None:
        """Let the processes end; what still waits is told so."""
        self._is_stopping = True
        if self._patrol is not None:
            self._patrol.cancel()
        for task in self._tasks:
            task.cancel()
        for ticket in self._waiting:
            _refuse(ticket, Unavailable("The server is stopping; send it again in a moment."))
        self._waiting.clear()
        await asyncio.gather(*(process.end() for process in self._processes))

    @property
    def is_ready(self) -> bool:
        """Whether a process could score now, or is scoring."""
        return any(process.is_ready for process in self._processes)

    @property
    def waiting(self) -> int:
        """How many requests wait for a process."""
        return len(self._waiting)

    def count(self) -> tuple[int, int]:
        """How many processes are ready, and how many of them are at work."""
        ready = [process for process in self._processes if process.is_ready]
        return len(ready), sum(bool(process.tickets) for process in ready)

    def ask(self, job: Job, body: bytes) -> asyncio.Future[Answered]:
        """Have *job* scored; `LimitExceeded` when too much waits already."""
        if self.ready is None:
            raise Unavailable("The model is being loaded; try again in a moment.")
        config = self._config
        if (
            len(self._waiting) >= config.max_waiting
            or self._waiting_bytes + len(body) > WAITING_BYTES
        ):
            raise LimitExceeded(
                f"{len(self._waiting)} requests wait for the model already; try again later."
            )
        loop = asyncio.get_running_loop()
        ticket = Ticket(job, body, loop.create_future(), loop.time() + config.timeout_s)
        self._waiting.append(ticket)
        self._waiting_bytes += len(body)
        self._hand_out()
        return ticket.answer

    # --- handing out ------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            if not self._may_go():
                return
            batch = self._next_batch()
            if batch:
                self.batches += 1
                self._idle.popleft().score(batch)

    def _may_go(self) -> bool:
        """Whether the batch window is over, or there is none; otherwise it is seen to."""
        config = self._config
        if not config.batch_s or len(self._waiting) >= config.batch_requests:
            return True
        loop = asyncio.get_running_loop()
        came = self._waiting[0].deadline - config.timeout_s
        left = came + config.batch_s - loop.time()
        if left <= 0:
            return True
        if self._window is None:
            self._window = loop.call_later(left, self._window_over)
        return False

    def _window_over(self) -> None:
        self._window = None
        self._hand_out()

    def _next_batch(self) -> list[Ticket]:
        batch: list[Ticket] = []
        while self._waiting and len(batch) < self._config.batch_requests:
            if batch and self._waiting[0].is_alone:
                break
            ticket = self._waiting.popleft()
            self._waiting_bytes -= len(ticket.body)
            if ticket.answer.done():
                continue  # given up by whoever asked
            batch.append(ticket)
            if ticket.is_alone:
                break
        return batch

    # --- what processes tell ----------------------------------------------------------------------

    def told(self, process: ModelProcess, message: Ready | Failed | Replies, body: bytes) -> None:
        """Take in what *process* says."""
        match message:
            case Ready():
                is_first = self.ready is None
                self.ready = message
                self._idle.append(process)
                if is_first:
                    logger.info("the model is ready")
                    self._when_ready()
                    for _ in range(self._config.workers - 1):
                        self._spawn(self._launch(failures=0))
            case Failed():
                process.failure = message.message
            case Replies():
                self.predicting_s += message.predicting_s
                tickets, process.tickets = process.tickets, []
                sizes = [reply.size for reply in message.replies]
                answers = zip(tickets, message.replies, parts(sizes, body), strict=True)
                for ticket, reply, answer in answers:
                    self.scored_rows += reply.rows
                    if not ticket.answer.done():
                        ticket.answer.set_result((reply, answer))
                self._idle.append(process)
        self._hand_out()

    def gone(self, process: ModelProcess) -> None:
        """*process* has ended: its request is lost, and another takes its place."""
        with contextlib.suppress(ValueError):
            self._idle.remove(process)
        if process in self._processes:
            self._processes.remove(process)
        tickets, process.tickets = process.tickets, []
        if self._is_stopping:
            for ticket in tickets:
                _refuse(ticket, Unavailable("The server stopped before this was scored."))
            return
        if len(tickets) > 1:
            # One of them is to blame; each gets a process for itself to find out.
            for ticket in reversed(tickets):
                ticket.is_alone = True
                self._waiting.appendleft(ticket)
                self._waiting_bytes += len(ticket.body)
        else:
            for ticket in tickets:
                _refuse(
                    ticket,
                    Unavailable(
                        "The process that scored this request ended before it had an answer; "
                        "others are not affected."
                    ),
                )
        self._spawn(self._replace(process))

    async def _replace(self, process: ModelProcess) -> None:
        code = await process.ended()
        was_sound = process.lived_s() > SOUND_S
        if process.failure is not None and self.ready is None:
            self._when_failed(process.failure)
            return
        why = process.failure or process.reason or _cause(code)
        failures = 0 if was_sound else process.failures + 1
        pause = min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S) if failures else 0.0
        logger.error("a model process ended (%s); started anew in %.1f s", why, pause)
        if self.ready is None and process.failure is None:
            self._when_failed(f"The process that loaded the model ended: {why}.")
            return
        await asyncio.sleep(pause)
        await self._launch(failures=failures)

    async def _launch(self, failures: int) -> None:
        if self._is_stopping:
            return
        self.starts += 1
        process = ModelProcess(self, self._config, failures)
        self._processes.append(process)
        await process.start()

    async def _watch_time(self) -> None:
        """Refuse what has waited too long, and end what works too long."""
        loop = asyncio.get_running_loop()
        every_s = min(1.0, max(0.02, self._config.timeout_s / 20))
        limit = f"{self._config.timeout_s:g} seconds"
        while True:
            await asyncio.sleep(every_s)
            now = loop.time()
            while self._waiting and self._waiting[0].deadline <= now:
                ticket = self._waiting.popleft()
                self._waiting_bytes -= len(ticket.body)
                _refuse(ticket, Unavailable(f"No process was free for this within {limit}."))
            for process in self._processes:
                if process.tickets and process.tickets[0].deadline <= now:
                    for ticket in process.tickets:
                        _refuse(ticket, TookTooLong(f"The model gave no answer within {limit}."))
                    process.tickets = []
                    process.kill("it was beyond the time limit of a request")

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of ours
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ModelProcess(asyncio.Protocol):
    """One child, and the socket to it."""

    def __init__(self, pool: Pool, config: ServingConfig, failures: int) -> None:
        self.tickets: list[Ticket] = []
        self.failures = failures
        self.failure: str | None = None
        self.reason: str | None = None
        self.is_ready = False
        self._pool = pool
        self._config = config
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def start(self) -> None:
        """Start the child and listen to it."""
        ours, theirs = socket.socketpair()
        config = self._config
        order = Order(
            folder=config.folder,
            name=config.name,
            version=config.version,
            trusted=config.trusted,
            max_rows=config.max_rows,
            log_level=config.log_level,
        )
        command = [config.python, "-m", "millrace.serving.process", str(theirs.fileno())]
        with theirs:
            self._child = subprocess.Popen(  # noqa: ASYNC220, S603 - a moment; an argument list, no shell
                [*command, msgspec.json.encode(order).decode()],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=config.environment(),
            )
        await self._loop.create_unix_connection(lambda: self, sock=ours)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take in what the child says."""
        for message, body in self._frames.feed(data):
            self.is_ready = self.is_ready or isinstance(message, Ready)
            self._pool.told(self, message, body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The child is gone, or about to be."""
        del exc
        self.is_ready = False
        self._pool.gone(self)

    def score(self, tickets: list[Ticket]) -> None:
        """Hand the child what it is to answer."""
        assert self._transport is not None  # noqa: S101 - it said that it is ready
        self.tickets = tickets
        jobs = Jobs([ticket.job for ticket in tickets])
        self._transport.writelines(pack(jobs, [ticket.body for ticket in tickets]))

    def kill(self, reason: str) -> None:
        """End the child now."""
        self.reason = reason
        self.is_ready = False
        if self._child is not None:
            self._child.kill()

    def lived_s(self) -> float:
        """How long ago it was started."""
        return self._loop.time() - self._began

    async def ended(self) -> int:
        """Wait until the child is gone, which it is about to be, and see to it; its exit code."""
        assert self._child is not None  # noqa: S101 - it was started
        waiting = self._loop.run_in_executor(None, self._child.wait)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), END_S)
        except TimeoutError:
            self._child.kill()
            return await waiting

    async def end(self) -> None:
        """Close the socket, at which the child ends, and wait for that."""
        if self._transport is not None:
            self._transport.abort()
        if self._child is not None:
            await self.ended()


def _refuse(ticket: Ticket, error: MillraceError) -> None:
    if not ticket.answer.done():
        ticket.answer.set_exception(error)


def _cause(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
