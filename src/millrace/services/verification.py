"""Whether an audit trail is whole: the chain, its signed heads, and the first place that is not.

Works on what a store holds and on an export alike, in one pass. What was altered by somebody who
also wrote all later hashes anew shows at the next signed head; what came after the last of them
is joined to it by hashes only, and the report says so.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from millrace.core import chain
from millrace.core.entities.audit import Link, PublicKey, SignedHead
from millrace.core.errors import InvalidArgument
from millrace.services.keyring import check_signature, is_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from millrace.stores.protocols import AuditStore

Fault = Literal["altered", "missing", "inserted", "reordered", "signature", "format"]

CHUNK: Final = 5_000
_OPEN, _MIDDLE, _CLOSE = b'{"hash":"', b'","entry":', b"}\n"
_HASH_END: Final = len(_OPEN) + 64
_TEXT_START: Final = _HASH_END + len(_MIDDLE)
_HEADING: Final = b'{"format":"millrace audit trail","version":1}\n'

_sha256 = hashlib.sha256


class _Numbered(msgspec.Struct, frozen=True):
    seq: int


_seq_in = msgspec.json.Decoder(_Numbered).decode


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is wrong. `seq`: the entry that it is about."""

    fault: Fault
    seq: int
    message: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found. `signed_to`: the last entry that is signed for."""

    entries: int
    heads: int
    signed_to: int
    keys: tuple[str, ...]
    finding: Finding | None = None


class Broken(Exception):
    """Verification stops here."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Walk:
    """A place in the chain up to which all is well: the number and hash of the last entry."""

    def __init__(self, seq: int = 0, last: bytes = chain.BEGINNING) -> None:
        self.seq = seq
        self.hash = last

    def step(self, link: Link) -> bool:
        """Go on by one entry if it follows the last one and is what it says; whether it does."""
        text = link.text
        if link.seq != self.seq + 1 or _sha256(self.hash + text).digest() != link.hash:
            return False
        if not _tells(link):
            return False
        self.seq = link.seq
        self.hash = link.hash
        return True


def _tells(link: Link) -> bool:
    """Whether the text of an entry says what stands beside it."""
    try:
        if link.found_by is None:
            return bool(_seq_in(link.text).seq == link.seq)
        entry = chain.entry_of(link.text)
    except msgspec.MsgspecError:
        return False
    return entry.seq == link.seq and chain.found_by(entry) == link.found_by


class _Pass:
    """One pass over a trail."""

    def __init__(
        self, heads: Iterable[SignedHead], keys: Sequence[PublicKey], trusted: Sequence[str]
    ) -> None:
        self.walk = Walk()
        self.signed_to = 0
        self._keys = {key.key_id: key for key in keys}
        self._trusted = trusted
        self._waiting: dict[int, list[SignedHead]] = {}
        for head in heads:
            self._waiting.setdefault(head.seq, []).append(head)

    def run(self, links: Iterator[Link]) -> None:
        """Follow *links* to their end; raise `Broken` at the first that is wrong."""
        walk, waiting = self.walk, self._waiting
        for link in links:
            if not walk.step(link):
                raise Broken(_diagnosed(walk, link, links))
            if waiting and walk.seq in waiting:
                for head in waiting.pop(walk.seq):
                    self._check(head)
                self.signed_to = walk.seq
        if waiting:
            raise Broken(_cut_off(walk, min(waiting)))
        for key in self._keys.values():
            if not is_key(key):
                raise Broken(_bad_key(key, walk))

    def _check(self, head: SignedHead) -> None:
        key = self._keys.get(head.key_id)
        if key is None or not check_signature(key, head_text(head), head.signature):
            said = "is not good, or its key is not there"
        elif self._trusted and head.key_id not in self._trusted:
            said = f"was made with the key {head.key_id}, which is not among those you trust"
        elif head.hash != self.walk.hash.hex():
            raise Broken(_rewritten(self.signed_to + 1, head.seq))
        else:
            return
        message = f"The signature of the head at entry {head.seq} {said}."
        raise Broken(Finding(fault="signature", seq=head.seq, message=message))


def verify(
    links: Iterable[Link],
    heads: Sequence[SignedHead],
    keys: Sequence[PublicKey],
    *,
    trusted: Sequence[str] = (),
) -> Report:
    """Follow *links* from the first to the last, and compare with the signed heads.

    With *trusted* key ids, a head that another key has signed counts as forged.
    """
    one = _Pass(heads, keys, trusted)
    finding: Finding | None = None
    try:
        one.run(iter(links))
    except Broken as broken:
        finding = broken.finding
    return Report(
        entries=one.walk.seq,
        heads=len(heads),
        signed_to=one.signed_to,
        keys=tuple(sorted(key.key_id for key in keys)),
        finding=finding,
    )


def _diagnosed(walk: Walk, link: Link, rest: Iterator[Link]) -> Finding:
    """What is wrong with *link*, which does not follow; looks at all that is left to tell it."""
    due = walk.seq + 1
    if link.seq > due:
        if any(later.seq == due for later in _readable(rest)):
            return Finding(
                fault="reordered",
                seq=due,
                message=f"Entry {link.seq} stands where entry {due} belongs, which comes later.",
            )
        gone = f"Entry {due} is" if link.seq == due + 1 else f"Entries {due} to {link.seq - 1} are"
        return Finding(fault="missing", seq=due, message=f"{gone} missing before {link.seq}.")
    if link.seq < due:
        return Finding(
            fault="inserted",
            seq=link.seq,
            message=f"A second entry {link.seq} stands after entry {walk.seq}.",
        )
    for later in _readable(rest):
        if later.seq == due and Walk(walk.seq, walk.hash).step(later):
            return Finding(
                fault="inserted",
                seq=due,
                message=f"A forged entry {due} stands before the real one.",
            )
    return Finding(
        fault="altered",
        seq=due,
        message=f"Entry {due} was altered: its hash does not follow from its text and the entry "
        "before.",
    )


def _readable(rest: Iterator[Link]) -> Iterator[Link]:
    """What is left, up to a line that is none: the finding is about an earlier place."""
    with contextlib.suppress(Broken):
        yield from rest


def _rewritten(first: int, last: int) -> Finding:
    return Finding(
        fault="altered",
        seq=first,
        message=f"Entries {first} to {last} are not those that were signed: at least one of them "
        "was altered, and all later hashes were written anew.",
    )


def _bad_key(key: PublicKey, walk: Walk) -> Finding:
    return Finding(
        fault="signature",
        seq=walk.seq,
        message=f"The public key {key.key_id} was altered: its id is not its digest.",
    )


def _cut_off(walk: Walk, signed: int) -> Finding:
    return Finding(
        fault="missing",
        seq=walk.seq + 1,
        message=f"The trail ends with entry {walk.seq}, but a head at entry {signed} was signed: "
        f"entries from {walk.seq + 1} on are missing.",
    )


def head_text(head: SignedHead) -> bytes:
    """What the signature of a head is made over."""
    told = {"seq": head.seq, "hash": head.hash, "at_ms": head.at_ms, "key_id": head.key_id}
    return b"millrace audit head\n" + chain.canonical(told)


# --- what a store holds ------------------------------------------------------------------------


def all_links(store: AuditStore) -> Iterator[Link]:
    """Every entry that the store holds, in order."""
    after = 0
    while links := store.links(after=after, limit=CHUNK):
        yield from links
        after = links[-1].seq


def all_heads(store: AuditStore) -> list[SignedHead]:
    """Every signed head that the store holds, in order."""
    found: list[SignedHead] = []
    while heads := store.heads(after=found[-1].seq if found else 0, limit=CHUNK):
        found += heads
    return found


def verify_store(
    store: AuditStore, *, witnessed: Sequence[SignedHead] = (), trusted: Sequence[str] = ()
) -> Report:
    """Verify the trail that a store holds. What is written meanwhile may or may not be seen.

    *witnessed*: signed heads that were kept elsewhere.
    """
    heads, keys = [*all_heads(store), *witnessed], store.keys()
    return verify(all_links(store), heads, keys, trusted=trusted)


def read_witness(source: BinaryIO) -> list[SignedHead]:
    """The heads in a witness file; `InvalidArgument` when it is none."""
    read = msgspec.json.Decoder(SignedHead).decode
    try:
        return [read(line) for line in source]
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"That is no witness file: {error}.") from error


# --- exports -----------------------------------------------------------------------------------


class _End(msgspec.Struct, frozen=True, kw_only=True):
    entries: int
    heads: int
    keys: int


class _Tail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line after the entries; one of the three."""

    key: PublicKey | None = None
    head: SignedHead | None = None
    end: _End | None = None


_tail = msgspec.json.Decoder(_Tail).decode


def export(store: AuditStore, into: BinaryIO) -> int:
    """Write the whole trail as lines of JSON: entries, keys, signed heads; how many entries."""
    heads, keys = all_heads(store), store.keys()
    into.write(_HEADING)
    count = 0
    for link in all_links(store):
        into.write(line_of(link))
        count += 1
    tails = [_Tail(key=key) for key in keys]
    tails += [_Tail(head=head) for head in heads]
    tails.append(_Tail(end=_End(entries=count, heads=len(heads), keys=len(keys))))
    into.writelines(msgspec.json.encode(tail) + b"\n" for tail in tails)
    return count


def line_of(link: Link) -> bytes:
    """An entry as a line of an export."""
    return b"".join((_OPEN, link.hash.hex().encode(), _MIDDLE, link.text, _CLOSE))


def link_of(line: bytes) -> Link | None:
    """The entry on a line of an export; None when the line is no entry as we write them."""
    if not (
        line.startswith(_OPEN) and line[_HASH_END:_TEXT_START] == _MIDDLE and line.endswith(_CLOSE)
    ):
        return None
    text, digits = line[_TEXT_START : -len(_CLOSE)], line[len(_OPEN) : _HASH_END]
    try:
        hashed = bytes.fromhex(digits.decode("ascii"))
        seq = _seq_in(text).seq
    except (ValueError, msgspec.MsgspecError):
        return None
    return Link(seq=seq, text=text, hash=hashed) if hashed.hex().encode() == digits else None


class _Export:
    """Reads an export twice: first what stands after the entries, then the entries."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.keys: list[PublicKey] = []
        self.heads: list[SignedHead] = []
        self.end: _End | None = None

    def read_tail(self) -> None:
        """Read keys, heads and the last line; raise `Broken` where one is not as we write them."""
        self._source.seek(0)
        is_tail = False
        entries = 0
        for number, line in enumerate(self._source, 1):
            if number == 1:
                if line != _HEADING:
                    raise Broken(_malformed(1, number))
            elif not is_tail and line.startswith(_OPEN):
                entries += 1
            else:
                is_tail = True
                self._take(line, number, entries)
        if self.end != _End(entries=entries, heads=len(self.heads), keys=len(self.keys)):
            raise Broken(
                Finding(
                    fault="missing",
                    seq=entries + 1,
                    message="The export does not have the last line that fits it: it was cut off, "
                    f"or lines were added. It holds {entries} entries.",
                )
            )

    def _take(self, line: bytes, number: int, entries: int) -> None:
        try:
            tail = _tail(line)
        except msgspec.MsgspecError:
            raise Broken(_malformed(entries + 1, number)) from None
        parts = [part for part in (tail.key, tail.head, tail.end) if part is not None]
        if self.end or len(parts) != 1 or msgspec.json.encode(tail) + b"\n" != line:
            raise Broken(_malformed(entries + 1, number))
        if tail.key is not None:
            self.keys.append(tail.key)
        elif tail.head is not None:
            self.heads.append(tail.head)
        else:
            self.end = tail.end

    def links(self) -> Iterator[Link]:
        """The entries; raise `Broken` at a line that is no entry as we write them."""
        self._source.seek(len(_HEADING))
        for number, line in enumerate(self._source, 2):
            if not line.startswith(_OPEN):
                return
            link = link_of(line)
            if link is None:
                raise Broken(_malformed(number - 1, number))
            yield link


def _malformed(seq: int, number: int) -> Finding:
    return Finding(
        fault="format",
        seq=seq,
        message=f"Line {number} of the export was altered: it is not as an export has it.",
    )


def verify_export(
    source: BinaryIO, *, witnessed: Sequence[SignedHead] = (), trusted: Sequence[str] = ()
) -> Report:
    """Verify an export, which must be a file that can be read twice; see `verify_store`."""
    told = _Export(source)
    finding: Finding | None = None
    try:
        told.read_tail()
    except Broken as broken:
        finding = broken.finding
    heads = [*told.heads, *witnessed]
    report = verify(told.links(), heads, told.keys, trusted=trusted)
    # What is wrong with an entry comes before what is wrong with the lines after them.
    return msgspec.structs.replace(report, finding=report.finding or finding)
