"""The only place that tells database dialects apart: column types, and statements in their words.

Expressions are written once; what a dialect says otherwise is decided when it is compiled. So
everything else may hold any of these in a constant, and prepare it for any database.
"""

from __future__ import annotations

import operator
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    String,
    and_,
    bindparam,
    collate,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from millrace.core.filters.ast import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Dialect, Select, Table
    from sqlalchemy.sql.compiler import SQLCompiler

SQLITE, POSTGRESQL, MYSQL, MARIADB, MSSQL = "sqlite", "postgresql", "mysql", "mariadb", "mssql"
# One family in all but their collations.
MYSQLS: Final = (MYSQL, MARIADB)


# --- column types ------------------------------------------------------------------------------


def binary_collation(dialect: Dialect) -> str | None:
    """The collation that compares by code point and counts trailing blanks; None: the default.

    A database may have been made with any other: ours are the columns'.
    """
    match dialect.name:
        case "postgresql":
            return "C"
        case "mysql" | "mariadb":
            is_mariadb = dialect.name == MARIADB or getattr(dialect, "is_mariadb", False)
            return "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        case "mssql":
            return "Latin1_General_100_BIN2_UTF8"
    return None


# --- expressions of indexes -----------------------------------------------------------------------

# PostgreSQL's index entries end at 2,704 bytes, MySQL's at 3,072.
LEADING: Final = 250


def leading(text: ColumnElement[str]) -> ColumnElement[str]:
    """As much of a long text as PostgreSQL's index holds."""
    return func.left(text, literal_column(str(LEADING)), type_=text.type)


def is_indexed_by_beginning(dialect: Dialect) -> bool:
    """Whether texts are walked in the order of `leading`: SQLite's indexes hold all of them."""
    return dialect.name == POSTGRESQL


def apart(rows: Select[Any]) -> ColumnElement[bool]:
    """EXISTS that is looked up in each row, and never made a join of.

    PostgreSQL takes conditions on one table to be independent, and then rather sorts all that
    match than walk an index in order until a page is full. An OFFSET keeps it from that.
    """
    either = _Either(exists(rows), postgresql=exists(rows.offset(literal_column("0"))))
    return cast("ColumnElement[bool]", either)


def walks_apart(dialect: Dialect) -> bool:
    """Whether a join in a settled order can be said; it needs LATERAL."""
    return dialect.name == POSTGRESQL


def takes_arrays(dialect: Dialect) -> bool:
    """Whether a list of numbers may be one value of a statement."""
    return dialect.name == POSTGRESQL


_COMPARE: Final[Mapping[Op, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Op.EQ: operator.eq,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}
# What is so of the beginnings of two texts when it is so of the texts.
_OF_BEGINNINGS: Final = dict(_COMPARE) | {Op.GT: operator.ge, Op.LT: operator.le}


class Short(BindParameter[str]):
    """A parameter for a text that is shorter than its beginning may be."""

    inherit_cache = True


def is_all_beginning(value: object) -> bool:
    """Whether the beginning of that text is all of it, and more would fit."""
    return isinstance(value, Short) or (isinstance(value, str) and len(value) < LEADING)


def among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """IN a list whose values are parameters of their own, so that it can be prepared."""
    return column.in_([literal(one, column.type) for one in values]) if values else false()


def beginning(
    condition: ColumnElement[bool],
    text: ColumnElement[str],
    op: Op,
    value: Any,  # noqa: ANN401 - as a filter has it
) -> ColumnElement[bool]:
    """*condition*, that *text* compares so with *value*, and what it means for PostgreSQL's index.

    With a value that is shorter than what the index holds, the beginning says all: the rest of a
    longer text decides nothing. The other databases see by themselves that their indexes fit.
    """
    start = leading(text)
    values = value if isinstance(value, (list, tuple)) else [value]
    is_short = all(map(is_all_beginning, values))
    match op:
        case Op.BETWEEN:
            also = and_(start >= value[0][:LEADING], start <= value[1][:LEADING])
        case Op.IN:
            also = among(start, [one[:LEADING] for one in value])
        case _ if op in _COMPARE:
            known = value
            if not is_short:
                known = value[:LEADING] if isinstance(value, str) else leading(value)
            also = (_COMPARE if is_short else _OF_BEGINNINGS)[op](start, known)
        case _:
            return condition
    either = _Either(condition, postgresql=also if is_short else and_(also, condition))
    return cast("ColumnElement[bool]", either)


# --- inserts -----------------------------------------------------------------------------------


class _Insert(Insert):
    """An INSERT that knows what to do with rows that are there; `changed` columns are replaced."""

    inherit_cache = False
    changed: Mapping[str, str] = {}
    """For each column that is replaced an expression of `{held}` and `{new}`."""

    @property
    def into(self) -> Table:
        """The table, as we know it."""
        return cast("Table", self.table)


def insert_new(table: Table) -> Insert:
    """An INSERT that passes over rows whose primary key is there already."""
    return _Insert(table).inline()


def upsert(table: Table, *, changed: Sequence[str] | Mapping[str, str]) -> Insert:
    """An INSERT that, where the primary key is there, replaces the *changed* columns instead.

    Where they are not just replaced, expressions say by what: of `{held}` and `{new}`.
    """
    statement = _Insert(table).inline()
    if isinstance(changed, Mapping):
        statement.changed = changed
    else:
        statement.changed = dict.fromkeys(changed, "{new}")
    return statement


@compiles(_Insert)
def _on_conflict(statement: _Insert, compiler: SQLCompiler, **options: Any) -> str:
    quoted = compiler.preparer.quote
    inserted = compiler.visit_insert(statement, **options)  # type: ignore[no-untyped-call]
    key = ", ".join(quoted(column.name) for column in statement.into.primary_key.columns)
    if not statement.changed:
        return f"{inserted} ON CONFLICT ({key}) DO NOTHING"
    held = compiler.preparer.format_table(statement.into)
    changes = _changes(statement, compiler, f"{held}.{{}}", "excluded.{}")
    return f"{inserted} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _changes(statement: _Insert, compiler: SQLCompiler, held: str, new: str) -> str:
    def change(name: str, words: str) -> str:
        quoted = compiler.preparer.quote(name)
        return f"{quoted} = {words.format(held=held.format(quoted), new=new.format(quoted))}"

    return ", ".join(change(name, words) for name, words in statement.changed.items())


def in_bulk(statement: Insert, dialect: Dialect) -> str | None:
    """For PostgreSQL: the INSERT with an array for each column, in place of a value."""
    if dialect.name != POSTGRESQL:
        return None
    columns = cast("Table", statement.table).columns
    inserted = str(statement.compile(dialect=dialect, column_keys=columns.keys()))
    head, _, rest = inserted.partition(" VALUES (")
    _, _, tail = rest.partition(")")
    kinds = {int: "int8", str: "text", bytes: "bytea"}
    types = (getattr(column.type, "impl_instance", column.type) for column in columns)
    arrays = ", ".join(f"%s::{kinds[kind.python_type]}[]" for kind in types)
    return f"{head} SELECT * FROM unnest({arrays}){tail}"  # noqa: S608 - our own words


@compiles(_Insert, *MYSQLS)
def _on_duplicate_key(statement: _Insert, compiler: SQLCompiler, **options: Any) -> str:
    if not has_key(statement.into):
        return _where_not_there(statement, compiler)
    quoted = compiler.preparer.quote
    inserted = compiler.visit_insert(statement, **options)  # type: ignore[no-untyped-call]
    if statement.changed:
        changes = _changes(statement, compiler, "{}", "VALUES({})")
    else:
        # INSERT IGNORE would pass over values that do not fit, too.
        first = quoted(next(iter(statement.into.primary_key.columns)).name)
        changes = f"{first} = {first}"
    return f"{inserted} ON DUPLICATE KEY UPDATE {changes}"


@compiles(_Insert, MSSQL)
def _merge(statement: _Insert, compiler: SQLCompiler, **_: Any) -> str:
    quoted = compiler.preparer.quote
    table = compiler.preparer.format_table(statement.into)
    names = [quoted(column.name) for column in statement.into.columns]
    given = ", ".join(
        f"{_bound(column, compiler)} AS {name}"
        for column, name in zip(statement.into.columns, names, strict=True)
    )
    key = [quoted(column.name) for column in statement.into.primary_key.columns]
    same = " AND ".join(f"held.{name} = given.{name}" for name in key)
    changes = _changes(statement, compiler, "held.{}", "given.{}")
    return (  # names of our own, quoted
        f"MERGE INTO {table} WITH (HOLDLOCK) AS held USING (SELECT {given}) AS given ON {same}"  # noqa: S608 - as said
        + (f" WHEN MATCHED THEN UPDATE SET {changes}" if changes else "")
        + f" WHEN NOT MATCHED THEN INSERT ({', '.join(names)})"  # noqa: S608 - as said
        f" VALUES ({', '.join('given.' + name for name in names)});"
    )


def _where_not_there(statement: _Insert, compiler: SQLCompiler) -> str:
    """An INSERT into a table without a key that passes over rows that are there in all columns."""
    columns = statement.into.columns
    table = compiler.preparer.format_table(statement.into)
    names = [compiler.preparer.quote(column.name) for column in columns]
    values = [_bound(column, compiler) for column in columns]
    same = " AND ".join(
        f"{name} = {_bound(column, compiler)}" for name, column in zip(names, columns, strict=True)
    )
    return (  # as above
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM DUAL"  # noqa: S608 - as said
        f" WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same})"
    )


def _bound(column: ColumnElement[Any], compiler: SQLCompiler) -> str:
    return str(compiler.process(bindparam(column.name, type_=column.type)))


# A key of InnoDB ends at 3,072 bytes, and a character may take four.
_LONGEST_KEY: Final = 3_072


def has_key(table: Table) -> bool:
    """Whether the primary key of *table* is short enough for MySQL."""
    sizes = (4 * getattr(column.type, "length", 2) for column in table.primary_key.columns)
    return sum(sizes) <= _LONGEST_KEY


# --- expressions -------------------------------------------------------------------------------


class _Either(FunctionElement[Any]):
    """One meaning in the words of several dialects."""

    inherit_cache = True
    type = NullType()  # a Boolean would be compared with 1 where there is no such type
    _ORDER: Final = (SQLITE, POSTGRESQL, MYSQL, MSSQL)

    def __init__(self, default: ColumnElement[Any], **others: ColumnElement[Any]) -> None:
        super().__init__(*(others.get(name, default) for name in self._ORDER))


@compiles(_Either)
def _chosen(either: _Either, compiler: SQLCompiler, **options: Any) -> str:
    name = MYSQL if compiler.dialect.name == MARIADB else compiler.dialect.name
    words = list(either.clauses)[either._ORDER.index(name)]  # noqa: SLF001 - our own
    return f"({compiler.process(words, **options)})"


# GLOB is SQLite's case-sensitive match; its own wildcards are quoted as one-character sets.
_GLOB: Final[Mapping[str, str]] = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
# Elsewhere LIKE is as case-sensitive as the column's collation; "[" is MSSQL's.
_ESCAPED: Final[Mapping[str, str]] = {"/": "//", "[": "/["}


class LikeTexts(NamedTuple):
    """A pattern in the words of the dialects, or parameters for them."""

    like: Any
    glob: Any

    @staticmethod
    def of(pattern: str) -> LikeTexts:
        """What *pattern* is in each."""
        return LikeTexts(
            like="".join(_ESCAPED.get(character, character) for character in pattern),
            glob="".join(_GLOB.get(character, character) for character in pattern),
        )


def like(value: ColumnElement[str], pattern: str | LikeTexts) -> ColumnElement[bool]:
    """Case-sensitive match with `%` and `_`, no escape."""
    texts = LikeTexts.of(pattern) if isinstance(pattern, str) else pattern
    either = _Either(value.like(texts.like, escape="/"), sqlite=value.bool_op("GLOB")(texts.glob))
    return cast("ColumnElement[bool]", either)


def fold_ascii(value: ColumnElement[str]) -> ColumnElement[str]:
    """The text with A-Z in lower case and all else as it is."""
    replaced = value
    for letter in string.ascii_uppercase:
        replaced = func.replace(replaced, letter, letter.lower())
    either = _Either(
        func.lower(value),  # SQLite's knows ASCII only
        postgresql=func.lower(collate(value, "C")),
        mysql=replaced,
        mssql=func.translate(value, string.ascii_uppercase, string.ascii_lowercase),
    )
    either.type = String()  # type: ignore[assignment]  # of this one
    return cast("ColumnElement[str]", either)


def beyond(
    columns: Sequence[Any], values: Sequence[Any], *, inclusive: bool = False
) -> ColumnElement[bool]:
    """Rows that sort after *values*, all ascending: what an index over *columns* can seek to."""
    return _compared(columns, values, operator.gt, operator.ge, inclusive=inclusive)


def before(columns: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that sort before *values*, or as they do."""
    return _compared(columns, values, operator.lt, operator.le, inclusive=True)


def _compared(
    columns: Sequence[Any],
    values: Sequence[Any],
    strictly: Callable[[Any, Any], Any],
    loosely: Callable[[Any, Any], Any],
    *,
    inclusive: bool,
) -> ColumnElement[bool]:
    clauses = []
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [one == at for one, at in zip(columns[:place], values[:place], strict=True)]
        is_last = place == len(columns) - 1
        compare = loosely if inclusive and is_last else strictly
        clauses.append(and_(*same, compare(column, value)))
    # MySQL reads a whole index for a comparison of rows; MSSQL has none.
    spelled = and_(loosely(columns[0], values[0]), or_(*clauses))
    rows = (loosely if inclusive else strictly)(tuple_(*columns), tuple_(*values))
    return cast("ColumnElement[bool]", _Either(rows, mysql=spelled, mssql=spelled))
