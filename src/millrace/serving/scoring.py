"""Requests answered by a model: decode, enforce the signature, predict, encode.

Runs in a model process, one batch of requests at a time. What a caller can mend is a 400 that names
it; what goes wrong inside becomes a 500 that tells the request's id, and the log says why.
"""

# Data is of any library, and so is what models make of it.
# ruff: noqa: ANN401

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from millrace.core.errors import MalformedRequest, MillraceError
from millrace.core.lazy import require
from millrace.models.enforcement import SchemaMismatch
from millrace.serving import answers
from millrace.serving.frames import Job, Reply
from millrace.serving.payload import Bodies, Given
from millrace.serving.tensors import Asked, Tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.models.signature import ModelSignature

# What a model raises at input that it cannot use. The rest is no caller's fault.
_UNFIT: Final = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)
_SHOWN: Final = 500

logger = logging.getLogger(__name__)


class Model(Protocol):
    """What scores."""

    @property
    def signature(self) -> ModelSignature | None:
        """What it takes and gives, if that is known."""
        ...

    @property
    def platform(self) -> str:
        """Its flavor, for whoever asks."""
        ...

    @property
    def takes_arrays(self) -> bool:
        """Whether rows of doubles go in as an array instead of a frame."""
        ...

    @property
    def example(self) -> dict[str, Any] | None:
        """A body of `/invocations` that was stored with it."""
        ...

    def predict(self, data: Any, params: dict[str, Any] | None) -> Any:
        """Score *data*, which conforms to the signature, as *params* do."""
        ...


class Rejected(MalformedRequest):
    """The model itself could not use what it got."""


class _Work(NamedTuple):
    """A request on its way: decoded, and conforming."""

    given: Given
    asked: Asked | None


class Scorer:
    """Answers requests with one model.

    *name* and *version* are those that the Open Inference Protocol shows.
    """

    def __init__(self, model: Model, *, name: str, version: str, max_rows: int) -> None:
        self.name = name
        self.version = version
        self.predicting_s = 0.0
        self._model = model
        self._signature = model.signature
        self._bodies = Bodies(self._signature, max_rows=max_rows, as_array=model.takes_arrays)
        self._tensors = Tensors(self._signature, max_rows=max_rows)

    @property
    def tensors(self) -> Tensors:
        """How this model speaks the Open Inference Protocol."""
        return self._tensors

    def answer(self, jobs: Sequence[tuple[Job, bytes]]) -> list[tuple[Reply, bytes]]:
        """Answers in order. Requests that can be are scored together."""
        self.predicting_s = 0.0
        if len(jobs) == 1:
            [(job, body)] = jobs
            return [self._answer_alone(job, body)]
        return self._answer_together(jobs)

    def _answer_alone(self, job: Job, body: bytes) -> tuple[Reply, bytes]:
        try:
            work = self._decoded(job, body)
            return self._written(work, self._predicted(work.given))
        except Exception as error:  # noqa: BLE001 - the last resort of every request
            return _refusal(error, job)

    def _decoded(self, job: Job, body: bytes) -> _Work:
        asked = None
        if job.task == "infer":
            asked = self._tensors.read(body, job.header_length)
            given = asked.given
        else:
            given = self._bodies.read(job.content_type, body)
        signature = self._signature
        if signature is None or not given.rows:
            return _Work(given, asked)
        data = given.data
        if not given.is_exact:
            data = signature.enforce(data)
            if self._model.takes_arrays:
                data = data.to_numpy()
        params = signature.enforce_params(given.params) if signature.params else None
        return _Work(Given(data, params, given.rows, is_exact=True), asked)

    def _predicted(self, given: Given) -> Any:
        if not given.rows:
            return []
        began = time.perf_counter()
        try:
            return self._model.predict(given.data, given.params)
        except _UNFIT as error:
            logger.info("the model refused its input", exc_info=error)
            said = f"{type(error).__name__}: {str(error)[:_SHOWN]}"
            raise Rejected(f"The model could not score this input. {said}") from error
        finally:
            self.predicting_s += time.perf_counter() - began

    def _written(self, work: _Work, predictions: Any) -> tuple[Reply, bytes]:
        rows = work.given.rows
        if work.asked is None:
            body = answers.encode(predictions)
            return Reply(status=200, size=len(body), rows=rows), body
        answered = self._tensors.write(self.name, self.version, work.asked, predictions)
        size = len(answered.body)
        return Reply(status=200, size=size, rows=rows, json_size=answered.json_size), answered.body

    # --- together ---------------------------------------------------------------------------------

    def _answer_together(self, jobs: Sequence[tuple[Job, bytes]]) -> list[tuple[Reply, bytes]]:
        replies: list[tuple[Reply, bytes] | None] = [None] * len(jobs)
        groups: dict[Any, list[tuple[int, _Work]]] = {}
        for at, (job, body) in enumerate(jobs):
            try:
                work = self._decoded(job, body)
            except Exception as error:  # noqa: BLE001 - as for one alone
                replies[at] = _refusal(error, job)
            else:
                groups.setdefault(_likeness(work.given) or at, []).append((at, work))
        for group in groups.values():
            predicted = self._predicted_together([work.given for _, work in group])
            for number, (at, work) in enumerate(group):
                job = jobs[at][0]
                try:
                    if predicted is None:
                        replies[at] = self._written(work, self._predicted(work.given))
                    else:
                        replies[at] = self._written(work, predicted[number])
                except Exception as error:  # noqa: BLE001 - as for one alone
                    replies[at] = _refusal(error, job)
        return [reply for reply in replies if reply is not None]

    def _predicted_together(self, given: Sequence[Given]) -> list[Any] | None:
        """Predictions of each; None when they do not come row by row, or one is at fault."""
        if len(given) == 1:
            return None
        try:
            together = _joined([one.data for one in given])
            rows = sum(one.rows for one in given)
            predictions = self._predicted(Given(together, given[0].params, rows, is_exact=True))
            return _parted(predictions, [one.rows for one in given])
        except Exception:  # noqa: BLE001 - each is scored alone then, and tells its own error
            return None


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "iloc")


def _likeness(given: Given) -> Any:
    """What requests must share to be scored as one; None: it is scored alone."""
    data = given.data
    if given.params or not given.rows:
        return None
    if _is_frame(data):
        return ("frame", tuple(data.columns), tuple(map(str, data.dtypes)))
    if type(data).__name__ == "ndarray" and data.ndim:
        return ("array", data.shape[1:], str(data.dtype))
    return None


def _joined(parts: Sequence[Any]) -> Any:
    if _is_frame(parts[0]):
        return require("pandas", extra="models").concat(parts, ignore_index=True)
    return require("numpy", extra="models").concatenate(parts)


def _parted(predictions: Any, rows: Sequence[int]) -> list[Any] | None:
    if isinstance(predictions, (str, dict)) or not hasattr(predictions, "__len__"):
        return None
    if len(predictions) != sum(rows):
        return None
    found, start = [], 0
    for count in rows:
        part = slice(start, start + count)
        found.append(predictions.iloc[part] if hasattr(predictions, "iloc") else predictions[part])
        start += count
    return found


def _refusal(error: Exception, job: Job) -> tuple[Reply, bytes]:
    if isinstance(error, SchemaMismatch):
        error.detail |= {"sqlstate": "KAM01", "error_class": "SCHEMA_ENFORCEMENT_FAILED"}
    if not isinstance(error, MillraceError):
        logger.error("request %s failed", job.request_id, exc_info=error)
        error = MillraceError(
            f"The model failed at this request; the server's log says why under {job.request_id}."
        )
    body = msgspec.json.encode(error.body())
    return Reply(status=error.status, size=len(body)), body
