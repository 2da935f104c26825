"""What a data set may be described with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.core.entities.entity import KeyValue
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.dataset import Dataset, EvaluationDataset, EvaluationRecord


def _at_most(value: str | None, limit: int, label: str) -> None:
    if value is not None and len(value) > limit:
        raise InvalidArgument(
            f"'{label}' exceeds the maximum length of {limit} characters: it has {len(value)}."
        )


def dataset(value: Dataset) -> Dataset:
    """A data set input within its limits."""
    _at_most(value.name, limits.DATASET_NAME_LENGTH, "dataset.name")
    _at_most(value.digest, limits.DATASET_DIGEST_LENGTH, "dataset.digest")
    _at_most(value.source, limits.DATASET_SOURCE_LENGTH, "dataset.source")
    _at_most(value.schema, limits.DATASET_SCHEMA_LENGTH, "dataset.schema")
    _at_most(value.profile, limits.DATASET_PROFILE_LENGTH, "dataset.profile")
    return value


def input_tag(key: str, value: str | None) -> KeyValue:
    """A tag of a data set input."""
    _at_most(key, limits.INPUT_TAG_KEY_LENGTH, "dataset tag key")
    _at_most(value, limits.INPUT_TAG_VALUE_LENGTH, "dataset tag value")
    return KeyValue(key=key, value=value or "")


_KEPT = frozenset({"dataset_record_id", "dataset_id", "inputs", "created_time", "created_by"})
_MERGED = frozenset({"expectations", "tags"})


def merged(old: EvaluationRecord, new: EvaluationRecord) -> EvaluationRecord:
    """A record with what another of the same inputs adds: fields that are given replace, the keys
    of expectations and tags join those that are there."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(new).items()
        if name not in _KEPT and value is not None
    }
    for name in _MERGED & given.keys():
        held = msgspec.json.decode(getattr(old, name) or "{}")
        given[name] = msgspec.json.encode(held | msgspec.json.decode(given[name])).decode()
    return msgspec.structs.replace(old, **given)


def described(
    dataset: EvaluationDataset, records: Sequence[EvaluationRecord], *, added: int
) -> EvaluationDataset:
    """The data set after *records* came in, *added* of them new (or, below zero, went out).

    Its profile counts the records, its schema names the fields with their types, and its digest
    changes with every change of its contents.
    """
    profile = _object(dataset.profile)
    held = profile.get("num_records")
    profile["num_records"] = (held if type(held) is int else 0) + added
    schema = _object(dataset.schema)
    for record in records:
        for part in ("inputs", "outputs", "expectations"):
            fields = {key: _kind(value) for key, value in _object(getattr(record, part)).items()}
            known = schema.get(part)
            schema[part] = {**known, **fields} if isinstance(known, dict) else fields
    contents = "\0".join(record.inputs + (record.expectations or "") for record in records)
    digest = hashlib.sha256(f"{dataset.digest}\0{added}\0{contents}".encode()).hexdigest()[:8]
    latest = max((record.last_update_time for record in records), default=0)
    return msgspec.structs.replace(
        dataset,
        profile=msgspec.json.encode(profile).decode(),
        schema=msgspec.json.encode(schema).decode(),
        digest=digest,
        last_update_time=max(dataset.last_update_time, latest),
    )


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text) if text else {}
    except msgspec.MsgspecError:  # a client may have stored any text as schema or profile
        found = {}
    return found if isinstance(found, dict) else {}


def _kind(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "null"
