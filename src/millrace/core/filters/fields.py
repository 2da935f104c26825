"""What may be searched and sorted: one table of rows for each kind of record.

A new searchable field is a row here and a column in each store. The reference page is derived from
these rows (`reference`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from millrace.core.filters.ast import Aggregate, Entity, Op

if TYPE_CHECKING:
    from collections.abc import Mapping

_EQUAL = frozenset({Op.EQ, Op.NE})
_ORDERED = frozenset({Op.GT, Op.GE, Op.LT, Op.LE, Op.BETWEEN, Op.NOT_BETWEEN})
_LISTED = frozenset({Op.IN, Op.NOT_IN})
_MATCHED = frozenset(
    {Op.LIKE, Op.NOT_LIKE, Op.ILIKE, Op.NOT_ILIKE, Op.RLIKE, Op.NOT_RLIKE},
)
_NULLS = frozenset({Op.IS_NULL, Op.IS_NOT_NULL})

NUMBER_OPERATORS = _EQUAL | _ORDERED | _LISTED | _NULLS
TEXT_OPERATORS = NUMBER_OPERATORS | _MATCHED
# "10" < "9" as text: an id made of digits has no order that its reader expects.
ID_OPERATORS = TEXT_OPERATORS - _ORDERED

ENTITY_WORDS: Mapping[str, Entity] = {
    "attribute": Entity.ATTRIBUTE,
    "attributes": Entity.ATTRIBUTE,
    "attr": Entity.ATTRIBUTE,
    "metric": Entity.METRIC,
    "metrics": Entity.METRIC,
    "param": Entity.PARAM,
    "params": Entity.PARAM,
    "parameter": Entity.PARAM,
    "parameters": Entity.PARAM,
    "tag": Entity.TAG,
    "tags": Entity.TAG,
    "dataset": Entity.DATASET,
    "datasets": Entity.DATASET,
}

AGGREGATE_WORDS: Mapping[str, Aggregate] = {a.value: a for a in Aggregate} | {
    "best_step": Aggregate.MIN_STEP
}

ANY_KEY = "KEY"
"""The name of rows that stand for every key: `metrics.KEY`."""


class Type(StrEnum):
    """What a field is compared with."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    EITHER = "text or number"


class FieldRow(Struct, frozen=True, kw_only=True):
    """One searchable field."""

    entity: Entity
    name: str
    aliases: tuple[str, ...] = ()
    type: Type = Type.TEXT
    operators: frozenset[Op] = TEXT_OPERATORS
    sortable: bool = True
    sorts_as_number: bool = False
    """Text made of digits that is sorted by its number, though compared as text."""
    many: bool = False
    """A record may have several values; any one may satisfy a comparison."""
    aggregates: bool = False
    """`.min`, `.max` and the other aggregates may follow the key."""
    values: tuple[str, ...] = ()
    """The spellings that occur, where they are few; stores look values up in this spelling."""
    closed: bool = False
    """`=`, `!=`, `IN` and `NOT IN` refuse anything that is not in `values`."""
    accepts_quoted_number: bool = False
    meaning: str

    @property
    def keyed(self) -> bool:
        """The row stands for every key of its entity."""
        return self.name == ANY_KEY

    @property
    def spelling(self) -> str:
        """How the field is written in a filter."""
        if self.entity is Entity.ATTRIBUTE:
            return self.name
        return f"{self.entity}.{self.name}" if not self.keyed else f"{self.entity}s.{self.name}"


class FieldTable(Struct, frozen=True, kw_only=True):
    """All searchable fields of one kind of record."""

    noun: str
    """Plural, for messages: "runs"."""
    rows: tuple[FieldRow, ...]
    words: tuple[str, ...] = ()
    """Words that stand for `attribute` besides the common ones."""
    absent_differs: frozenset[str] = frozenset()
    """Tags for which `!=` also holds when the record lacks them: the wire contract's exception."""
    default_order: tuple[str, ...]
    """Order keys when none are asked for; together they leave no ties."""

    def entity(self, word: str) -> Entity | None:
        """The entity that a prefix stands for, when this kind of record has it."""
        found = Entity.ATTRIBUTE if word in self.words else ENTITY_WORDS.get(word)
        return found if any(row.entity is found for row in self.rows) else None

    def row(self, entity: Entity, key: str) -> FieldRow | None:
        """The row of a field by its name, an alias, or any key where keys are free."""
        for row in self.rows:
            if row.entity is entity and (row.keyed or key == row.name or key in row.aliases):
                return row
        return None

    def spellings(self) -> str:
        """All fields in one line, for messages."""
        return ", ".join(row.spelling for row in self.rows)


def _text(name: str, meaning: str, *aliases: str) -> FieldRow:
    return FieldRow(entity=Entity.ATTRIBUTE, name=name, aliases=aliases, meaning=meaning)


def _id(name: str, meaning: str) -> FieldRow:
    return FieldRow(
        entity=Entity.ATTRIBUTE,
        name=name,
        operators=ID_OPERATORS,
        sorts_as_number=True,
        meaning=meaning,
    )


def _time(name: str, meaning: str, *aliases: str) -> FieldRow:
    return FieldRow(
        entity=Entity.ATTRIBUTE,
        name=name,
        aliases=aliases,
        type=Type.INTEGER,
        operators=NUMBER_OPERATORS,
        meaning=f"{meaning}, in milliseconds since 1970 UTC",
    )


def _dataset(name: str, meaning: str) -> FieldRow:
    return FieldRow(entity=Entity.DATASET, name=name, sortable=False, many=True, meaning=meaning)


_LIFECYCLE = FieldRow(
    entity=Entity.ATTRIBUTE,
    name="lifecycle_stage",
    values=("active", "deleted"),
    meaning="Whether it is in the trash; the view of the search decides first",
)
_PARAMS = FieldRow(
    entity=Entity.PARAM,
    name=ANY_KEY,
    type=Type.EITHER,
    meaning="A param: quoted text compares as text, a bare number with params that are numbers",
)
_TAGS = FieldRow(entity=Entity.TAG, name=ANY_KEY, meaning="A tag")

RUNS = FieldTable(
    noun="runs",
    words=("run",),
    rows=(
        FieldRow(
            entity=Entity.METRIC,
            name=ANY_KEY,
            type=Type.NUMBER,
            operators=NUMBER_OPERATORS,
            aggregates=True,
            meaning="The latest value of a metric, or an aggregate of all its points",
        ),
        _PARAMS,
        _TAGS,
        _text("run_id", "The id"),
        _text("run_name", "The name", "run name", "Run name", "Run Name"),
        FieldRow(
            entity=Entity.ATTRIBUTE,
            name="status",
            values=("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"),
            meaning="How it stands, in capitals",
        ),
        _text("user_id", "Who started it"),
        _text("artifact_uri", "Where its artifacts are"),
        _time("start_time", "When it started", "created", "Created"),
        _time("end_time", "When it ended"),
        _id("experiment_id", "Its experiment"),
        _LIFECYCLE,
        _dataset("name", "The name of a dataset it used"),
        _dataset("digest", "The digest of a dataset it used"),
        _dataset("context", "What a dataset was used for, such as 'train'"),
    ),
    default_order=("start_time DESC", "run_id"),
)

EXPERIMENTS = FieldTable(
    noun="experiments",
    rows=(
        _text("name", "The name"),
        _id("experiment_id", "The id"),
        _time("creation_time", "When it was made"),
        _time("last_update_time", "When it last changed"),
        _LIFECYCLE,
        _TAGS,
    ),
    default_order=("creation_time DESC", "experiment_id"),
)

LOGGED_MODELS = FieldTable(
    noun="logged models",
    rows=(
        FieldRow(
            entity=Entity.METRIC,
            name=ANY_KEY,
            type=Type.NUMBER,
            operators=NUMBER_OPERATORS,
            meaning="A metric of the model",
        ),
        _PARAMS,
        _TAGS,
        _text("name", "The name"),
        _text("model_id", "The id"),
        _text("model_type", "What the caller said it is, such as 'agent'"),
        FieldRow(
            entity=Entity.ATTRIBUTE,
            name="status",
            values=("READY", "PENDING", "UPLOAD_FAILED"),
            closed=True,
            meaning="How it stands",
        ),
        _text("source_run_id", "The run that made it"),
        _text("artifact_uri", "Where its files are", "artifact_location"),
        _text("status_message", "Why it stands so"),
        _id("experiment_id", "Its experiment"),
        _time("creation_timestamp", "When it was made", "creation_time", "creation_timestamp_ms"),
        _time(
            "last_updated_timestamp",
            "When it last changed",
            "last_updated_time",
            "last_updated_timestamp_ms",
        ),
    ),
    default_order=("creation_timestamp DESC", "model_id"),
)

EVALUATION_DATASETS = FieldTable(
    noun="evaluation datasets",
    rows=(
        _text("name", "The name"),
        _text("dataset_id", "The id"),
        _text("created_by", "Who made it"),
        _text("last_updated_by", "Who changed it last"),
        _time("created_time", "When it was made"),
        _time("last_update_time", "When it last changed"),
        _TAGS,
    ),
    default_order=("created_time DESC", "dataset_id"),
)

# The stock client hides prompts by `!= 'true'` on this tag and expects untagged models to match.
_PROMPT_TAG = frozenset({"mlflow.prompt.is_prompt"})

REGISTERED_MODELS = FieldTable(
    noun="registered models",
    rows=(
        _text("name", "The name"),
        _time("creation_timestamp", "When it was made"),
        _time("last_updated_timestamp", "When it last changed", "timestamp"),
        _TAGS,
    ),
    absent_differs=_PROMPT_TAG,
    default_order=("name",),
)

MODEL_VERSIONS = FieldTable(
    noun="model versions",
    rows=(
        _text("name", "The name of the registered model"),
        FieldRow(
            entity=Entity.ATTRIBUTE,
            name="version_number",
            type=Type.INTEGER,
            operators=NUMBER_OPERATORS,
            accepts_quoted_number=True,
            meaning="The version; the number may be quoted",
        ),
        _text("run_id", "The run it comes from"),
        _text("source_path", "Where it was registered from"),
        _text("model_id", "The logged model it comes from; empty for none"),
        FieldRow(
            entity=Entity.ATTRIBUTE,
            name="current_stage",
            aliases=("stage",),
            values=("None", "Staging", "Production", "Archived"),
            meaning="The stage it is in",
        ),
        _time("creation_timestamp", "When it was made"),
        _time("last_updated_timestamp", "When it last changed"),
        _TAGS,
        _dataset("name", "The name of a dataset that its run used"),
        _dataset("digest", "The digest of a dataset that its run used"),
        _dataset("context", "What its run used a dataset for, such as 'train'"),
    ),
    absent_differs=_PROMPT_TAG,
    default_order=("last_updated_timestamp DESC", "name", "version_number DESC"),
)

TABLES = (
    RUNS,
    EXPERIMENTS,
    LOGGED_MODELS,
    EVALUATION_DATASETS,
    REGISTERED_MODELS,
    MODEL_VERSIONS,
)


def reference() -> str:
    """The fields of every table as Markdown, for the reference page."""
    return "\n\n".join(_section(table) for table in TABLES)


def _section(table: FieldTable) -> str:
    order = ", ".join(f"`{key}`" for key in table.default_order)
    head = "| Field | Also written | Compared with | Sortable | Meaning |\n|---|---|---|---|---|"
    rows = "\n".join(_line(row) for row in table.rows)
    return f"### {table.noun.capitalize()}\n\nDefault order: {order}.\n\n{head}\n{rows}"


def _line(row: FieldRow) -> str:
    compared = "text, not by `>` or `<`" if row.operators == ID_OPERATORS else row.type.value
    values = f": {', '.join(f'`{value}`' for value in row.values)}" if row.values else ""
    aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
    sortable = "by number" if row.sorts_as_number else "yes" if row.sortable else "no"
    return f"| `{row.spelling}` | {aliases} | {compared} | {sortable} | {row.meaning}{values} |"
