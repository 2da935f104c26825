"""What a data set may be described with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core.entities.entity import KeyValue
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits

if TYPE_CHECKING:
    from millrace.core.entities.dataset import Dataset


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
