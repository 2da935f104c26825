"""How the process ends, and with it the runs that it left open.

`returned` is FINISHED, an exception FAILED; a signal, an exit code and a closed session are KILLED.
The runs are ended asynchronously, and what is still queued is flushed for a bounded time. A death
that runs no Python (SIGKILL, power) is what the lease is for.

Signals: only where the main thread opened the run, only SIGTERM and SIGHUP, and only if the script
left them to the system. A handler of the script stays in charge; the signal is merely noted.
"""

from __future__ import annotations

import _thread
import atexit
import builtins
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millrace.client import connect
from millrace.core import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from millrace.core.entities.run import RunStatus

logger = logging.getLogger(__name__)

_SIGNAL_S: Final = 5.0
"""Longest time that a signal waits for the last words."""
_LONGEST_CAUSE: Final = 500


class Ending(NamedTuple):
    """A terminal status and, in a few words, why."""

    status: RunStatus
    cause: str


RETURNED: Final = Ending("FINISHED", "returned")


class RunStopped(KeyboardInterrupt):
    """Somebody has asked the active run to stop: raised by the next call that logs to it, once in
    each thread. Like Ctrl-C it passes `except Exception`, and what ends well on Ctrl-C ends well
    on this. `by`: who has asked."""

    def __init__(self, run_id: str, by: str) -> None:
        super().__init__(f"{by} has asked run {run_id} to stop.")
        self.by = by


def ending_of(error: BaseException | None) -> Ending:
    """The ending of a block of code that *error* left; None: it ran to its end."""
    match error:
        case None:
            return RETURNED
        case RunStopped(by=by):
            return stopped(by)
        case KeyboardInterrupt():
            return Ending("KILLED", "signal: SIGINT")
        case SystemExit(code=code):
            return _ending_of_exit(code)
        case _:
            return Ending("FAILED", _said(f"exception: {type(error).__name__}", error))


def stopped(by: str) -> Ending:
    """The ending of a run that *by* has stopped."""
    return Ending("KILLED", _said("stopped by", by))


class Watch:
    """The open runs of this process, each with what ends it."""

    def __init__(self) -> None:
        self._runs: dict[str, Callable[[Ending], None]] = {}
        self._is_set_up = False
        self._signal: int | None = None
        self._exit: Ending | None = None

    def begin(self, run_id: str, end: Callable[[Ending], None]) -> None:
        """Call *end* should the process end before `forget` is called."""
        self._runs[run_id] = end
        self._exit = None  # an earlier one was caught: we are still here
        if not self._is_set_up:
            self._is_set_up = True
            atexit.register(self._at_exit)
            self._note_exits()
            if threading.current_thread() is threading.main_thread():
                self._note_signals()

    def forget(self, run_id: str) -> None:
        """The run has been ended."""
        self._runs.pop(run_id, None)

    def reset(self) -> None:
        """Forget all runs: in a forked child they are the parent's."""
        self._runs.clear()
        self._signal = self._exit = None

    def _end_all(self, ending: Ending) -> None:
        for run_id, end in reversed(list(self._runs.items())):
            self.forget(run_id)
            try:
                end(ending)
            except Exception:
                logger.exception("run %s could not be ended", run_id)

    def _at_exit(self) -> None:
        if self._runs:
            self._end_all(self._ending_of_process())

    def _ending_of_process(self) -> Ending:
        if self._signal is not None:
            return _ending_of_signal(self._signal)
        if hasattr(sys, "ps1") or sys.flags.interactive or "ipykernel" in sys.modules:
            return Ending("KILLED", "session closed")
        # Set by the interpreter when it prints the traceback that ends the script.
        error = getattr(sys, "last_value", None)
        if isinstance(error, BaseException):
            return ending_of(error)
        return self._exit or RETURNED

    # --- exit codes ----------------------------------------------------------------------------

    def _note_exits(self) -> None:
        """Remember the code of `sys.exit`, `exit` and `quit`: nothing tells it afterwards."""
        sys.exit = _Noting(sys.exit, self._note_exit)
        for name in ("exit", "quit"):
            if hasattr(builtins, name):
                setattr(builtins, name, _Noting(getattr(builtins, name), self._note_exit))

    def _note_exit(self, code: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._exit = _ending_of_exit(code)

    # --- signals -------------------------------------------------------------------------------

    def _note_signals(self) -> None:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None:
                continue
            held = signal.getsignal(number)
            if held is signal.SIG_DFL:
                signal.signal(number, self._on_signal)
            elif callable(held):
                signal.signal(number, self._chained(held))

    def _chained(
        self, held: Callable[[int, FrameType | None], Any]
    ) -> Callable[[int, FrameType | None], Any]:
        def on_signal(number: int, frame: FrameType | None) -> object:
            self._signal = number
            return held(number, frame)

        return on_signal

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """End the runs, then die of the signal as if nobody had handled it."""
        done = threading.Event()
        # In a thread of its own: the main thread may hold a lock that is needed, and waits here. A
        # bare one: the main thread may even be starting a thread at this moment.
        _thread.start_new_thread(self._last_words, (_ending_of_signal(number), done))
        done.wait(_SIGNAL_S + 1)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # only process 1 of a container gets here: it cannot be killed so

    def _last_words(self, ending: Ending, done: threading.Event) -> None:
        try:
            self._end_all(ending)
            connect.close_all(min(_SIGNAL_S, settings.EXIT_FLUSH_SECONDS.get()))
        finally:
            done.set()


class _Noting:
    """A stand-in for a way to exit: tells its code, then exits. Looks like the original."""

    def __init__(self, held: Callable[..., Any], note: Callable[[object], None]) -> None:
        self._held = held
        self._note = note

    def __call__(self, code: object = None) -> Any:  # noqa: ANN401 - never returns
        self._note(code)
        return self._held(code)

    def __repr__(self) -> str:
        return repr(self._held)


def _ending_of_exit(code: object) -> Ending:
    if code is None or code == 0:
        return Ending("FINISHED", "exit: 0")
    return Ending("KILLED", _said("exit", code))


def _said(what: str, detail: object) -> str:
    """A cause that every server takes: short, and without characters that a tag may not hold."""
    try:
        text = str(detail)
    except Exception:  # noqa: BLE001 - the exception of a script may be broken, too
        text = "(says nothing)"
    plain = text.encode(errors="replace").decode().replace("\0", " ")
    return f"{what}: {plain}"[:_LONGEST_CAUSE].rstrip(": ")


def _ending_of_signal(number: int) -> Ending:
    return Ending("KILLED", f"signal: {signal.Signals(number).name}")


WATCH: Final = Watch()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=WATCH.reset)
