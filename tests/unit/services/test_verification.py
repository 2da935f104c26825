"""Proof P11: whatever is done to an audit trail or its export, verification names the place."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from millrace.core import chain
from millrace.core.entities.audit import Act, Link, PublicKey, SignedHead, Trail
from millrace.core.pages import Tokens
from millrace.services.audit import Audit
from millrace.services.keyring import KeyRing
from millrace.services.verification import (
    Fault,
    Report,
    Walk,
    all_heads,
    all_links,
    export,
    head_text,
    line_of,
    link_of,
    verify,
    verify_export,
    verify_store,
)
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import AuditStore

ENTRIES = 1_000


def written(store: AuditStore, count: int, *, start: int = 0) -> None:
    for number in range(start, start + count):
        trail = Trail(act=Act(action="thing.set", actor="ada", at_ms=number))
        store.note(trail, "thing", str(number), before={"n": number}, after={"n": number + 1})


@pytest.fixture(scope="module")
def keys() -> KeyRing:
    return KeyRing(None)


@pytest.fixture(scope="module")
def store(keys: KeyRing) -> AuditStore:
    """A trail of 1,000 entries with heads at 400, 800 and 1,000."""
    stores = MemoryStores()
    audit = Audit(stores.audit, Tokens(b"s"), keys)
    for start, count in ((0, 400), (400, 400), (800, 200)):
        written(stores.audit, count, start=start)
        assert audit.sign(start, at_once=True)
    return stores.audit


@pytest.fixture(scope="module")
def lines(store: AuditStore) -> list[bytes]:
    into = io.BytesIO()
    assert export(store, into) == ENTRIES
    return into.getvalue().splitlines(keepends=True)


def checked(lines: Sequence[bytes]) -> Report:
    return verify_export(io.BytesIO(b"".join(lines)))


def test_what_nobody_touched_is_intact(store: AuditStore, lines: list[bytes]) -> None:
    for report in (verify_store(store), checked(lines)):
        assert report.finding is None
        assert (report.entries, report.heads, report.signed_to) == (ENTRIES, 3, ENTRIES)


def test_an_empty_trail_is_intact() -> None:
    store = MemoryStores().audit
    into = io.BytesIO()
    export(store, into)

    assert verify_store(store).finding is None
    assert verify_export(into).finding is None


@pytest.mark.parametrize("mask", [0x01, 0x20, 0xFF])
def test_every_byte_of_every_entry_counts(store: AuditStore, lines: list[bytes], mask: int) -> None:
    """Each byte of each of the 1,000 lines in turn. Verification goes on from entry to entry, so
    it is enough to look at the line itself from the state that those before it lead to."""
    unseen = []
    walk = Walk()
    for line in lines[1 : ENTRIES + 1]:
        for place in range(len(line)):
            forged = bytearray(line)
            forged[place] ^= mask
            link = link_of(bytes(forged))
            if link is not None and Walk(walk.seq, walk.hash).step(link):
                unseen.append((walk.seq + 1, place))
        link = link_of(line)
        assert link is not None
        assert walk.step(link)
    assert unseen == []


def test_a_flipped_byte_is_named_by_its_entry(lines: list[bytes]) -> None:
    """The same through the whole of an export, at a place in every line."""
    for number in range(0, ENTRIES + 8, 7):
        line = bytearray(lines[number])
        line[len(line) // 2] ^= 1
        report = checked([*lines[:number], bytes(line), *lines[number + 1 :]])
        assert report.finding is not None, number
        if 1 <= number <= ENTRIES:
            assert report.finding.seq == number


def test_every_byte_of_a_small_export_counts(keys: KeyRing) -> None:
    """First line, entries, keys, heads, last line: each byte in turn, through the whole of it."""
    stores = MemoryStores()
    written(stores.audit, 3)
    Audit(stores.audit, Tokens(b"s"), keys).sign(1, at_once=True)
    into = io.BytesIO()
    export(stores.audit, into)
    whole = into.getvalue()
    assert checked([whole]).finding is None

    unseen = []
    for place in range(len(whole)):
        forged = bytearray(whole)
        forged[place] ^= 1
        if checked([bytes(forged)]).finding is None:
            unseen.append(place)
    assert unseen == []


def _drop(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], *lines[501:]]


def _drop_three(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], *lines[503:]]


def _swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], lines[501], lines[500], *lines[502:]]


def _twice(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], lines[499], *lines[500:]]


def _alter(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], lines[500].replace(b'"ada"', b'"bob"'), *lines[501:]]


def _forge(lines: list[bytes]) -> list[bytes]:
    """An entry that follows the one before by its hash stands before the real one."""
    before = link_of(lines[499])
    act = Act(action="thing.set", actor="eve", at_ms=1)
    forged = chain.linked(act, "thing", "x", before=None, after=None, previous=before)
    return [*lines[:500], line_of(forged), *lines[500:]]


def _cut(lines: list[bytes]) -> list[bytes]:
    return [*lines[:500], *lines[ENTRIES + 1 :]]


@pytest.mark.parametrize(
    ("attack", "fault", "seq"),
    [
        (_drop, "missing", 500),
        (_drop_three, "missing", 500),
        (_swap, "reordered", 500),
        (_twice, "inserted", 499),
        (_alter, "altered", 500),
        (_forge, "altered", 501),
        (_cut, "missing", 500),
    ],
)
def test_the_first_bad_entry_is_named(
    lines: list[bytes],
    attack: Callable[[list[bytes]], list[bytes]],
    fault: Fault,
    seq: int,
) -> None:
    finding = checked(attack(lines)).finding

    assert finding is not None
    if attack is _forge:
        # The forged entry follows; the real one is then the second of its number.
        assert (finding.fault, finding.seq) == ("inserted", 500)
    else:
        assert (finding.fault, finding.seq) == (fault, seq)


def rewritten(store: AuditStore, from_seq: int) -> list[Link]:
    """A trail in which one entry was altered and every later hash was made to fit."""
    made: list[Link] = []
    for link in all_links(store):
        entry = chain.entry_of(link.text)
        if entry.seq == from_seq:
            entry = replace(entry, actor="eve")
        text = chain.canonical(entry)
        previous = made[-1].hash if made else chain.BEGINNING
        made.append(Link(seq=entry.seq, text=text, hash=chain.hash_after(previous, text)))
    return made


@pytest.mark.parametrize(("altered", "named"), [(1, 1), (400, 1), (401, 401), (1000, 801)])
def test_a_chain_written_anew_shows_at_the_next_signature(
    store: AuditStore, altered: int, named: int
) -> None:
    finding = verify(rewritten(store, altered), all_heads(store), store.keys()).finding

    assert finding is not None
    assert (finding.fault, finding.seq) == ("altered", named)


def test_a_head_signed_with_another_key_is_told(store: AuditStore) -> None:
    """Whoever rewrites the chain and signs it with a key of their own is found by trust."""
    links = rewritten(store, 5)
    thief = KeyRing(None)
    key = thief.public_key()
    head = SignedHead(
        seq=ENTRIES, hash=links[-1].hash.hex(), at_ms=1, key_id=key.key_id, signature=""
    )
    head = replace(head, signature=thief.sign(head_text(head)))

    assert verify(links, [head], [key]).finding is None
    real = store.keys()[0].key_id
    finding = verify(links, [head], [key], trusted=[real]).finding
    assert finding is not None
    assert finding.fault == "signature"


def test_a_signature_for_something_else_is_not_good(store: AuditStore) -> None:
    first, *others = all_heads(store)
    for forged in (replace(first, at_ms=9), replace(first, hash=others[0].hash)):
        finding = verify(all_links(store), [forged, *others], store.keys()).finding
        assert finding is not None
        assert (finding.fault, finding.seq) == ("signature", 400)


def test_a_key_that_is_not_there_is_told(store: AuditStore) -> None:
    finding = verify(all_links(store), all_heads(store), [PublicKey(key_id="a", public_key="b")])

    assert finding.finding is not None
    assert finding.finding.fault == "signature"


def test_a_database_that_was_set_back_shows_by_its_witness(store: AuditStore) -> None:
    """All that is left is consistent; only the heads that were kept elsewhere know more."""
    links = list(all_links(store))[:400]
    heads = all_heads(store)

    assert verify(links, heads[:1], store.keys()).finding is None
    finding = verify(links, [heads[0], heads[2]], store.keys()).finding
    assert finding is not None
    assert (finding.fault, finding.seq) == ("missing", 401)


def test_a_look_up_that_lies_is_found(store: AuditStore) -> None:
    """Columns beside the text lead searches: they have to tell the same."""
    links = list(all_links(store))
    found_by = links[9].found_by
    assert found_by is not None
    links[9] = replace(links[9], found_by=(found_by[0], "bob", *found_by[2:]))

    finding = verify(links, all_heads(store), store.keys()).finding
    assert finding is not None
    assert (finding.fault, finding.seq) == ("altered", 10)


@pytest.mark.parametrize("text", [b"", b"{}", b"\n\n", b"\xff\xfe", b'{"hash":"'])
def test_what_is_no_export_is_told(text: bytes) -> None:
    assert verify_export(io.BytesIO(text)).finding is not None
