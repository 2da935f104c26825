"""Reading the trail through the platform, and signing its end at intervals."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.core.entities.access import ANONYMOUS, Actor
from millrace.core.entities.audit import AuditQuery
from millrace.core.errors import InvalidArgument, NotFound
from millrace.services.audit import SIGN_ENTRIES, SIGN_MS
from millrace.services.context import Context
from millrace.services.platform import Platform
from millrace.services.verification import read_witness, verify_store
from millrace.stores.memory import MemoryStores
from tests.unit.services.conftest import Call, calling


def rename(call: Call, count: int) -> None:
    for number in range(count):
        call("updateExperiment", experiment_id="0", new_name=f"name {number}")


def test_entries_tell_who_did_what_and_from_where(platform: Platform) -> None:
    call = calling(
        platform,
        actor=Actor(name="ada"),
        request_id="r1",
        address="10.0.0.1",
    )
    call("updateExperiment", experiment_id="0", new_name="new")

    (entry,) = call("listAuditEntries").entries
    assert (entry.action, entry.actor, entry.verified) == ("experiment.rename", "ada", False)
    assert (entry.request_id, entry.address, entry.at_ms) == ("r1", "10.0.0.1", 1_000)
    assert entry.changes["name"] == ("Default", "new")


@pytest.mark.parametrize(
    ("actor", "named"), [(ANONYMOUS, "stated"), (Actor(name="ada"), "ada")], ids=str
)
def test_the_user_of_a_new_run_counts_when_nobody_else_is_known(
    platform: Platform, actor: Actor, named: str
) -> None:
    call = calling(platform, actor=actor)
    call("createRun", experiment_id="0", user_id="stated")

    (entry,) = call("listAuditEntries").entries
    assert (entry.actor, entry.verified) == (named, False)


def test_pages_are_bound_to_their_filter(call: Call) -> None:
    rename(call, 5)
    first = call("listAuditEntries", max_results=2, action="experiment.rename")
    rest = call(
        "listAuditEntries",
        max_results=3,
        action="experiment.rename",
        page_token=first.next_page_token,
    )

    assert [entry.seq for entry in (*first.entries, *rest.entries)] == [5, 4, 3, 2, 1]
    assert rest.next_page_token is None
    with pytest.raises(InvalidArgument, match="page_token"):
        call("listAuditEntries", max_results=2, page_token=first.next_page_token)


def test_an_entry_is_shown_with_what_was_hashed(call: Call) -> None:
    rename(call, 2)

    reply = call("getAuditEntry", seq=2)
    assert reply.entry.seq == 2
    assert '"seq":2' in reply.text
    assert len(reply.hash) == 64
    with pytest.raises(NotFound):
        call("getAuditEntry", seq=3)


def test_the_chain_is_read_with_its_heads(platform: Platform, call: Call) -> None:
    rename(call, 3)
    platform.audit.sign(5_000, at_once=True)

    reply = call("getAuditChain", max_results=2)
    assert [entry.seq for entry in reply.entries] == [1, 2]
    assert reply.heads == ()
    rest = call("getAuditChain", after=2)
    assert [head.seq for head in rest.heads] == [3]
    assert [key.key_id for key in rest.keys] == [rest.heads[0].key_id]


def test_heads_are_signed_at_intervals(platform: Platform, call: Call) -> None:
    audit = platform.audit
    assert not audit.sign(0, at_once=True), "there is nothing to sign"
    rename(call, 1)
    assert audit.sign(0)
    assert not audit.sign(SIGN_MS * 9, at_once=True), "nothing has come since"
    rename(call, 1)
    assert not audit.sign(SIGN_MS - 1)
    assert audit.sign(SIGN_MS)
    rename(call, SIGN_ENTRIES)
    assert audit.sign(SIGN_MS + 1)

    assert [head.seq for head in platform.stores.audit.heads(after=0, limit=9)] == [1, 2, 1002]
    assert verify_store(platform.stores.audit).finding is None


def test_a_rotated_key_is_named_under_the_signature_of_the_old_one(
    platform: Platform, call: Call
) -> None:
    audit, store = platform.audit, platform.stores.audit
    rename(call, 1)
    audit.sign(0)
    new = audit.rotate_key(Context(at_ms=1))
    rename(call, 1)
    audit.sign(2, at_once=True)

    first, named, after = store.heads(after=0, limit=9)
    assert first.key_id == named.key_id != after.key_id == new.key_id
    entry = store.entry(named.seq)
    assert entry is not None
    assert entry.changes["key_id"] == (first.key_id, new.key_id)
    assert verify_store(store).finding is None


def test_a_refusal_is_an_entry_of_its_own(platform: Platform) -> None:
    ctx = Context(at_ms=5, actor=Actor(name="eve"))
    platform.audit.refused(
        ctx.refusal("experiment.delete", "not yours"), "experiment", "0"
    ).result()

    (entry,) = platform.stores.audit.entries(AuditQuery(), limit=9, after=None).items
    assert (entry.outcome, entry.actor, entry.reason) == ("refused", "eve", "not yours")
    assert (entry.before, entry.after, entry.changes) == (None, None, {})


def test_heads_are_told_to_a_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "witness.jsonl"
    monkeypatch.setenv("MILLRACE_AUDIT_WITNESS", str(file))
    platform = Platform(MemoryStores())
    call = calling(platform)
    for at_ms in (1, 2):
        rename(call, 1)
        platform.audit.sign(at_ms, at_once=True)

    with file.open("rb") as lines:
        assert read_witness(lines) == platform.stores.audit.heads(after=0, limit=9)


def test_what_is_no_witness_is_told(tmp_path: Path) -> None:
    file = tmp_path / "witness.jsonl"
    file.write_text("hello\n")
    with file.open("rb") as lines, pytest.raises(InvalidArgument, match="witness"):
        read_witness(lines)
