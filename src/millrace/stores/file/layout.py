"""The `mlruns` layout: which file holds what, and what the documents in it mean.

Pure: text and bytes in, entities out, and back. Others read and write the same files, so fields
that we do not know are kept, and what cannot be understood is `Damaged`, never guessed.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.entity import LifecycleStage, pairs
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.logged_model import STATUS_NUMBERS as MODEL_STATUSES
from millrace.core.entities.logged_model import LoggedModelInfo
from millrace.core.entities.run import STATUS_NUMBERS, RunInfo
from millrace.core.numbers import INT64_MAX, INT64_MIN, key_of, value_of
from millrace.core.tags import RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.core.series import Point

META: Final = "meta.yaml"
TRASH: Final = ".trash"
REGISTRY: Final = "models"
"""In the root, the folder of the model registry; it is no experiment."""
ODD: Final = ".millrace"
"""In a run, model or experiment, the folder for what has a key that can name no file."""
LOG: Final = ".millrace.log"
LOCK: Final = ".millrace.lock"
SPARE: Final = ".millrace.spare"
MEMORY: Final = ".millrace.memory"
"""How our own files in the root are named: MLflow takes each folder there for an experiment."""
NO_RUNS: Final = frozenset({"tags", "datasets", "models", "traces", "assessments", ODD})
"""Folders of an experiment that are no runs."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,254}")
_COMPONENT_BYTES: Final = 255
_KEY_BYTES: Final = 2_000
_STATUS_OF: Final = {name: number for number, name in STATUS_NUMBERS.items()}
_MODEL_STATUS_OF: Final = {name: number for number, name in MODEL_STATUSES.items()}
_SOURCE_TYPE_LOCAL: Final = 4


class Damaged(Exception):
    """An entry of the folder that cannot be understood; the message says why."""


def is_id(text: str) -> bool:
    """Whether *text* can name a folder of its own, and nothing else."""
    return bool(_ID.fullmatch(text))


def home(experiment_id: str, stage: LifecycleStage) -> str:
    """The folder of an experiment, relative to the root."""
    return f"{TRASH}/{experiment_id}" if stage == "deleted" else experiment_id


# --- keys and files ------------------------------------------------------------------------------


def names_file(key: str) -> bool:
    """Whether the parts of *key* can name a file and the folders that it is in."""
    if len(key) > _KEY_BYTES or "\0" in key or key.split("/", 1)[0] == ODD:
        return False
    parts = key.encode("utf-8", "surrogatepass").split(b"/")
    return all(part not in {b"", b".", b".."} and len(part) <= _COMPONENT_BYTES for part in parts)


def odd_name(key: str) -> str:
    """The name of the file that keeps what belongs to a key which can name none itself."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


# --- fields of documents -------------------------------------------------------------------------


class Fields:
    """A document's fields, each read as what it should be."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, dict):
            found = "empty" if document is None else f"a {type(document).__name__}"
            raise Damaged(f"it should be a mapping and is {found}")
        self._held: dict[object, Any] = document

    def text(self, *names: str, default: str | None = None) -> str:
        """The first of *names* that is there, as text."""
        found = self.optional(*names)
        if found is not None:
            return found
        if default is None:
            raise Damaged(f"it has no {names[0]}")
        return default

    def optional(self, *names: str) -> str | None:
        """The first of *names* that is there, as text; None where none is."""
        for name in names:
            match self._held.get(name):
                case str() as text:
                    return text
                case bool():
                    raise Damaged(f"{name} is true or false, not text")
                case int() as number:  # files of older versions have ids without quotes
                    return str(number)
                case None:
                    continue
                case other:
                    raise Damaged(f"{name} is a {type(other).__name__}, not text")
        return None

    def number(self, name: str, default: int | None = None) -> int | None:
        """The whole number *name*."""
        match self._held.get(name):
            case bool():
                raise Damaged(f"{name} is no whole number")
            case int() as number if INT64_MIN <= number <= INT64_MAX:
                return number
            case None:
                return default
            case other:
                raise Damaged(f"{name} is {str(other)[:40]!r}, no whole number of 64 bits")

    def stage(self) -> LifecycleStage:
        """The stage of life; files of older versions have none."""
        match self.text("lifecycle_stage", default="active"):
            case "deleted":
                return "deleted"
            case "active":
                return "active"
            case other:
                raise Damaged(f"lifecycle_stage is {other!r}, neither active nor deleted")

    def texts(self, name: str) -> dict[str, str]:
        """The mapping *name* of text to text."""
        held = self._held.get(name) or {}
        if not isinstance(held, dict):
            raise Damaged(f"{name} is no mapping")
        return {str(key): str(value) for key, value in held.items()}

    def of(self, name: str, meanings: Mapping[int, Any]) -> Any:  # noqa: ANN401 - a Literal
        """What a number stands for; its name is taken, too."""
        value = self._held.get(name)
        for number, meaning in meanings.items():
            if value == number and not isinstance(value, bool):
                return meaning
            if value == meaning:
                return meaning
        raise Damaged(f"{name} is {str(value)[:40]!r}, none of {', '.join(meanings.values())}")


# --- documents -----------------------------------------------------------------------------------


def experiment_of(
    document: object, experiment_id: str, tags: Mapping[str, str], *, in_trash: bool
) -> Experiment:
    """The experiment that `meta.yaml` in folder *experiment_id* describes.

    It is in the trash when its folder is, whatever it says of itself.
    """
    fields = Fields(document)
    if (named := fields.text("experiment_id", default=experiment_id)) != experiment_id:
        raise Damaged(f"it describes experiment {named!r} in the folder of {experiment_id!r}")
    created = fields.number("creation_time")
    return Experiment(
        experiment_id=experiment_id,
        name=fields.text("name"),
        artifact_location=fields.text("artifact_location", default=""),
        lifecycle_stage="deleted" if in_trash else fields.stage(),
        creation_time=created,
        last_update_time=fields.number("last_update_time", created),
        tag_list=pairs(tags),
        workspace="default",
    )


def experiment_document(experiment: Experiment, old: Mapping[str, Any]) -> dict[str, Any]:
    """`meta.yaml` of an experiment, with what *old* says beyond what we know."""
    # Its tags are files; a copy of them here would grow stale.
    kept = {name: value for name, value in old.items() if name != "tags"}
    return kept | {
        "artifact_location": experiment.artifact_location,
        "creation_time": experiment.creation_time,
        "experiment_id": experiment.experiment_id,
        "last_update_time": experiment.last_update_time,
        "lifecycle_stage": experiment.lifecycle_stage,
        "name": experiment.name,
    }


def run_of(document: object, run_id: str, experiment_id: str, name_tag: str | None) -> RunInfo:
    """The run that `meta.yaml` in folder *run_id* describes."""
    fields = Fields(document)
    if (named := fields.text("run_id", "run_uuid")) != run_id:
        raise Damaged(f"it describes run {named!r} in the folder of {run_id!r}")
    if (home := fields.text("experiment_id", default=experiment_id)) != experiment_id:
        raise Damaged(f"it belongs to experiment {home!r} and lies in that of {experiment_id!r}")
    return RunInfo(
        run_uuid=run_id,
        run_id=run_id,
        experiment_id=experiment_id,
        run_name=fields.text("run_name", default=fields.optional("name") or name_tag or ""),
        user_id=fields.text("user_id", default=""),
        status=fields.of("status", STATUS_NUMBERS),
        start_time=fields.number("start_time") or 0,
        end_time=fields.number("end_time"),
        artifact_uri=fields.text("artifact_uri", default=""),
        lifecycle_stage=fields.stage(),
    )


def run_document(
    info: RunInfo, old: Mapping[str, Any], *, deleted_ms: int | None
) -> dict[str, Any]:
    """`meta.yaml` of a run, with what *old* says beyond what we know."""
    new_fields = {
        "entry_point_name": "",
        "source_name": "",
        "source_type": _SOURCE_TYPE_LOCAL,
        "source_version": "",
        "tags": [],
    }
    written = (
        new_fields
        | dict(old)
        | {
            "artifact_uri": info.artifact_uri,
            "end_time": info.end_time,
            "experiment_id": info.experiment_id,
            "lifecycle_stage": info.lifecycle_stage,
            "run_id": info.run_id,
            "run_name": info.run_name,
            "start_time": info.start_time,
            "status": _STATUS_OF[info.status],
            "user_id": info.user_id,
        }
    )
    written.pop("deleted_time", None)
    return written if deleted_ms is None else written | {"deleted_time": deleted_ms}


def model_of(
    document: object, model_id: str, experiment_id: str, tags: Mapping[str, str]
) -> tuple[LoggedModelInfo, LifecycleStage]:
    """The logged model that `meta.yaml` in folder *model_id* describes."""
    fields = Fields(document)
    if (named := fields.text("model_id")) != model_id:
        raise Damaged(f"it describes model {named!r} in the folder of {model_id!r}")
    created = fields.number("creation_timestamp") or 0
    info = LoggedModelInfo(
        model_id=model_id,
        experiment_id=experiment_id,
        name=fields.text("name"),
        creation_timestamp_ms=created,
        last_updated_timestamp_ms=fields.number("last_updated_timestamp", created) or 0,
        artifact_uri=fields.text("artifact_location", default=""),
        status=fields.of("status", MODEL_STATUSES),
        model_type=fields.text("model_type", default=""),
        source_run_id=fields.text("source_run_id", default=""),
        status_message=fields.optional("status_message"),
        tag_list=pairs(tags),
    )
    return info, fields.stage()


def model_document(
    info: LoggedModelInfo, stage: LifecycleStage, old: Mapping[str, Any]
) -> dict[str, Any]:
    """`meta.yaml` of a logged model, with what *old* says beyond what we know."""
    return dict(old) | {
        "artifact_location": info.artifact_uri,
        "creation_timestamp": info.creation_timestamp_ms,
        "experiment_id": info.experiment_id,
        "last_updated_timestamp": info.last_updated_timestamp_ms,
        "lifecycle_stage": stage,
        "model_id": info.model_id,
        "model_type": info.model_type,
        "name": info.name,
        "source_run_id": info.source_run_id,
        "status": _MODEL_STATUS_OF[info.status],
        "status_message": info.status_message,
    }


# --- what runs read and made ---------------------------------------------------------------------


def dataset_ids(name: str, digest: str) -> tuple[str, str]:
    """The folder of a data set in its experiment as MLflow names it, and one that is ours.

    MLflow takes ("ab", "c") and ("a", "bc") for one; the second of them gets the other folder.
    """
    return _md5(name + digest), _md5(f"{name}\0{digest}")


def link_id(source_id: str, run_id: str) -> str:
    """The folder of an input in its run, as MLflow names it."""
    return _md5(source_id + run_id)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def dataset_of(document: object) -> Dataset:
    """The data set that `meta.yaml` describes."""
    fields = Fields(document)
    return Dataset(
        name=fields.text("name"),
        digest=fields.text("digest"),
        source_type=fields.text("source_type", default=""),
        source=fields.text("source", default=""),
        schema=fields.optional("schema"),
        profile=fields.optional("profile"),
    )


def dataset_document(dataset: Dataset) -> dict[str, Any]:
    """`meta.yaml` of a data set."""
    return {
        "digest": dataset.digest,
        "name": dataset.name,
        "profile": dataset.profile,
        "schema": dataset.schema,
        "source": dataset.source,
        "source_type": dataset.source_type,
    }


ORDER: Final = "millrace_order"
"""A field of ours in links: which of those that were written at one time comes first."""


def input_document(source_id: str, entry: DatasetInput | None, order: int) -> dict[str, Any]:
    """`meta.yaml` of a link from a run to a data set, or without *entry* to a logged model."""
    return {
        "destination_id": source_id,
        "destination_type": "RUN",
        "source_id": source_id,
        "source_type": "MODEL" if entry is None else "DATASET",
        "tags": {} if entry is None else entry.tags,
        ORDER: order,
    }


def output_document(model_id: str, step: int, order: int) -> dict[str, Any]:
    """`meta.yaml` of a link from a run to a logged model that it made."""
    return {
        "destination_id": model_id,
        "destination_type": "MODEL_OUTPUT",
        "source_id": model_id,
        "source_type": "RUN_OUTPUT",
        "step": step,
        "tags": {},
        ORDER: order,
    }


# --- points --------------------------------------------------------------------------------------


def metric_line(point: Point, *more: str) -> bytes:
    """A line of a metric file; *more*: who logged it, and with which data set."""
    step, timestamp, key = point
    words = (str(timestamp), repr(value_of(key)), str(step), *more)
    return f"{' '.join(words)}\n".encode()


def point_in(line: bytes) -> tuple[Point, list[bytes]]:
    """The point in a line, and the words that follow it; raises `Damaged`."""
    words = line.split()
    try:
        timestamp, value = int(words[0]), float(words[1])
        step = int(words[2]) if len(words) > 2 else 0  # noqa: PLR2004 - timestamp, value, step
    except (ValueError, IndexError):
        raise Damaged(f"the line {line[:60]!r} is no point") from None
    if not (INT64_MIN <= timestamp <= INT64_MAX and INT64_MIN <= step <= INT64_MAX):
        raise Damaged(f"the line {line[:60]!r} has numbers of more than 64 bits")
    return (step, timestamp, key_of(value)), words[3:]


def is_whole(tail: bytes) -> bool:
    """Whether a last line without its end may count: it has all three numbers of a point."""
    if len(tail.split()) < 3:  # noqa: PLR2004 - as above
        return False
    try:
        point_in(tail)
    except Damaged:
        return False
    return True


_BLANK = re.compile(r"[\s%]")


def word(text: str) -> str:
    """*text* as one word of a metric line: blanks, which end a word there, are percent-encoded."""
    if not text:
        return "%"
    return _BLANK.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


_ENCODED = re.compile(rb"(?:%[0-9A-F]{2})+")


def text_of(found: bytes) -> str:
    """What `word` made *found* of."""
    if found == b"%":
        return ""
    whole = _ENCODED.sub(lambda match: bytes.fromhex(match[0].replace(b"%", b"").decode()), found)
    return whole.decode("utf-8", "replace")


def name_tag(tags: Mapping[str, str]) -> str | None:
    """The name of a run as its tags have it."""
    return tags.get(RUN_NAME)
