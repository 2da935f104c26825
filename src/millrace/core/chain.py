"""The audit chain: how an entry is written down, and what joins it to the one before.

The text of an entry is JSON in one canonical form: UTF-8, keys sorted by code point, no blanks,
whole numbers up to 2^53 only; other numbers stand as text. Its hash is SHA-256 over the hash of
the entry before (32 bytes; zeros before the first) followed by the text. docs/reference/audit.md
tells the same to those who write a verification of their own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core.entities.audit import AuditEntry, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.core.entities.audit import Act

    Recorded = Mapping[str, object] | msgspec.Struct | None

BEGINNING: Final = bytes(32)
"""What stands for the hash of the entry before the first."""
LONGEST_VALUE: Final = 1000
"""A longer text stands as its digest and length in `changes`."""
LONGEST_ID: Final = 512
_EXACT: Final = 2**53 - 1

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(AuditEntry).decode
_sha256 = hashlib.sha256


def canonical(value: object) -> bytes:
    """*value* in the canonical form. Floats are the caller's to turn into text first."""
    return _encode(value)


def hash_after(previous: bytes, text: bytes) -> bytes:
    """The hash of the entry whose *text* follows the hash *previous*."""
    return _sha256(previous + text).digest()


def entry_of(text: bytes) -> AuditEntry:
    """The entry that *text* tells; raise `msgspec.MsgspecError` when it tells none."""
    return _decode(text)


def linked(  # noqa: PLR0913 - what an entry tells, and where it stands
    act: Act,
    kind: str,
    id: str,  # noqa: A002 - the word of the entry
    *,
    before: Recorded,
    after: Recorded,
    previous: Link | None,
) -> Link:
    """The next entry of a chain whose last one is *previous*."""
    old, new = flat(before), flat(after)
    seq = 1 if previous is None else previous.seq + 1
    entry = AuditEntry(
        seq=seq,
        at_ms=act.at_ms,
        actor=act.actor,
        verified=act.verified,
        request_id=act.request_id,
        address=act.address,
        action=act.action,
        outcome=act.outcome,
        kind=kind,
        id=id if len(id) <= LONGEST_ID else _summary(id),
        before=None if old is None else digest(old),
        after=None if new is None else digest(new),
        changes=_changes(old or {}, new or {}),
        reason=act.reason,
    )
    text = _encode(entry)
    return Link(
        seq=seq,
        text=text,
        hash=hash_after(BEGINNING if previous is None else previous.hash, text),
        found_by=found_by(entry),
    )


def found_by(entry: AuditEntry) -> tuple[int, str, str, str, str, str]:
    """What a store looks *entry* up by; see `Link`."""
    return (entry.at_ms, entry.actor, entry.action, entry.kind, entry.id, entry.request_id)


def digest(flattened: Mapping[str, object]) -> str:
    """SHA-256 over the canonical form of what was recorded, in hexadecimal."""
    return _sha256(_encode(flattened)).hexdigest()


def flat(recorded: Recorded) -> dict[str, object] | None:
    """What was recorded as one level of fields: `{"tags.colour": "red", "name": "a"}`.

    Absent fields and nulls are left out. A list of key-value pairs counts as a mapping.
    """
    if recorded is None:
        return None
    plain = msgspec.to_builtins(recorded)
    found: dict[str, object] = {}
    _flatten(plain, "", found)
    return found


def _flatten(value: Any, path: str, into: dict[str, object]) -> None:  # noqa: ANN401 - any JSON
    kind = type(value)
    if kind is str or kind is bool:
        into[path] = value
    elif kind is dict:
        start = f"{path}." if path else ""
        for key, item in value.items():
            if type(item) is str:  # nearly all are: no call for them
                into[start + key] = item
            else:
                _flatten(item, f"{start}{key}", into)
    elif isinstance(value, (list, tuple)) and value and _is_pair(value[0]):
        for item in value:
            _flatten(item.get("value"), f"{path}.{item['key']}", into)
    elif value is not None:
        into[path] = _exact(value)


def _is_pair(item: object) -> bool:
    return isinstance(item, dict) and item.keys() <= {"key", "value"} and "key" in item


def _exact(value: Any) -> object:  # noqa: ANN401 - any JSON
    """*value* without numbers that JSON readers disagree about."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    return value


def _changes(
    old: Mapping[str, object], new: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    if not old:
        return {key: (None, _shown(value)) for key, value in new.items()}
    return {
        key: (_shown(old.get(key)), _shown(new.get(key)))
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
    }


def _shown(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else _summary(value)
    if isinstance(value, (list, dict)):
        text = _encode(value).decode()
        return value if len(text) <= LONGEST_VALUE else _summary(text)
    return value


def _summary(text: str) -> str:
    return f"sha256:{_sha256(text.encode()).hexdigest()} ({len(text)} characters)"
