"""The audit trail: one entry beside each change, in a chain that hangs together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

from millrace.core import chain
from millrace.core.entities.audit import AuditQuery, PublicKey, SignedHead
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.run import RunChange
from millrace.core.errors import AlreadyExists
from millrace.stores.protocols import Stores
from tests.contract import build

HEAD = SignedHead(seq=1, hash="ab", at_ms=5, key_id="k", signature="s")
KEY = PublicKey(key_id="k", public_key="p")


def note(stores: Stores, count: int = 1, **fields: Any) -> None:
    for place in range(count):
        stores.audit.note(build.act(**fields), "thing", str(place)).result()


def check_chain(stores: Stores) -> int:
    """Whether the chain hangs together; how many entries it has."""
    links = stores.audit.links(after=0, limit=100_000)
    previous = chain.BEGINNING
    for place, link in enumerate(links, 1):
        assert link.seq == place
        assert link.hash == chain.hash_after(previous, link.text)
        entry = chain.entry_of(link.text)
        assert entry.seq == place
        assert link.found_by == chain.found_by(entry)
        previous = link.hash
    return len(links)


# --- what is audited ---------------------------------------------------------------------------


def _experiment(stores: Stores, **change: Any) -> None:
    trail = build.act("experiment.change")
    stores.tracking.change_experiment("0", ExperimentChange(**change), trail=trail).result()


def _run(stores: Stores, **change: Any) -> None:
    run_id = build.add_run(stores.tracking)
    trail = build.act("run.change")
    stores.tracking.change_run(run_id, RunChange(**change), trail=trail).result()


def _model(stores: Stores, **change: Any) -> None:
    model_id = build.add_model(stores.tracking, tags={"old": "1"})
    trail = build.act("model.change")
    stores.tracking.change_logged_model(model_id, LoggedModelChange(**change), trail=trail).result()


def _dataset(stores: Stores, **change: Any) -> None:
    dataset = stores.evaluation.add_dataset(build.new_dataset()).result()
    changed = replace(dataset, **change)
    stores.evaluation.change_dataset(changed, trail=build.act("dataset.change")).result()


CHANGES: dict[str, tuple[Callable[[Stores], None], dict[str, tuple[Any, Any]]]] = {
    "name of an experiment": (
        lambda stores: _experiment(stores, name="Other"),
        {"name": ("Default", "Other")},
    ),
    "tag of an experiment": (
        lambda stores: _experiment(stores, set_tags=(KeyValue(key="a", value="1"),)),
        {"tags.a": (None, "1")},
    ),
    "experiment to the trash": (
        lambda stores: _experiment(stores, lifecycle_stage="deleted"),
        {"lifecycle_stage": ("active", "deleted")},
    ),
    "end of a run": (
        lambda stores: _run(stores, status="FINISHED", end_time=9),
        {"status": ("RUNNING", "FINISHED"), "end_time": (None, 9)},
    ),
    "name of a run": (
        lambda stores: _run(stores, run_name="calm-heron-2"),
        {"run_name": ("swift-otter-1", "calm-heron-2")},
    ),
    "run to the trash": (
        lambda stores: _run(stores, lifecycle_stage="deleted"),
        {"lifecycle_stage": ("active", "deleted")},
    ),
    "logged model ready": (
        lambda stores: _model(stores, status="LOGGED_MODEL_READY"),
        {"status": ("LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY")},
    ),
    "tag of a logged model": (
        lambda stores: _model(stores, delete_tag="old"),
        {"tags.old": ("1", None)},
    ),
    "logged model to the trash": (
        lambda stores: _model(stores, deleted=True),
        {"lifecycle_stage": ("active", "deleted")},
    ),
    "param of a logged model": (
        lambda stores: _model(stores, add_params=(KeyValue(key="lr", value="0.1"),)),
        {"params.lr": (None, "0.1")},
    ),
    "name of an evaluation data set": (
        lambda stores: _dataset(stores, name="answers"),
        {"name": ("questions", "answers")},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_leaves_one_entry_with_what_differs(stores: Stores, what: str) -> None:
    change, differs = CHANGES[what]
    change(stores)

    (entry,) = build.audited(stores)
    assert entry.changes == differs
    assert (entry.actor, entry.at_ms) == ("ada", 1_000)
    assert entry.before != entry.after
    assert check_chain(stores) == 1


def test_what_is_new_or_gone_has_one_digest_only(stores: Stores) -> None:
    dataset = build.new_dataset()
    stores.evaluation.add_dataset(dataset, trail=build.act("dataset.create")).result()
    stores.evaluation.delete_dataset(dataset.dataset_id, trail=build.act("dataset.delete")).result()

    made, gone = build.audited(stores)
    assert made.before is None
    assert made.after == gone.before == chain.digest(chain.flat(dataset) or {})
    assert gone.after is None
    assert made.changes["name"] == (None, "questions")
    assert gone.changes["name"] == ("questions", None)


def test_new_records_are_audited(stores: Stores) -> None:
    trail = build.act("create")
    stores.tracking.add_experiment(build.new_experiment("e"), trail=trail).result()
    stores.tracking.add_run(build.new_run(), trail=trail).result()
    stores.tracking.add_logged_model(build.new_model(), trail=trail).result()

    assert [entry.kind for entry in build.audited(stores)] == ["experiment", "run", "logged_model"]
    assert all(entry.before is None and entry.after for entry in build.audited(stores))


def test_records_of_a_data_set_are_audited_by_call(stores: Stores) -> None:
    dataset = stores.evaluation.add_dataset(build.new_dataset()).result().dataset_id
    records = [build.new_record(dataset, f'{{"q":{n}}}') for n in range(3)]
    stores.evaluation.upsert_records(dataset, records, trail=build.act("put")).result()
    stores.evaluation.delete_records(
        dataset, [records[0].dataset_record_id, "dr-unknown"], trail=build.act("take")
    ).result()

    assert [entry.action for entry in build.audited(stores)] == ["put", "take"]


def test_a_lost_run_is_noted_as_the_platforms_doing(stores: Stores) -> None:
    run_id = build.add_run(stores.tracking)
    stores.tracking.change_run(run_id, RunChange(lease_until_ms=10)).result()
    stores.tracking.expire_leases(20).result()

    (entry,) = build.audited(stores)
    assert (entry.action, entry.actor, entry.verified) == ("run.lose", "millrace", True)
    assert entry.id == run_id


def test_what_is_not_to_be_audited_leaves_no_entry(stores: Stores) -> None:
    run_id = build.add_run(stores.tracking)
    build.log(stores.tracking, run_id, build.point(1.0))
    stores.tracking.append(run_id, build.batch(params={"a": "1"}, tags={"b": "2"})).result()

    assert build.audited(stores) == []
    assert stores.audit.last() is None


def test_a_refused_change_leaves_no_entry(stores: Stores) -> None:
    build.add_experiment(stores.tracking, "taken")
    with pytest.raises(AlreadyExists):
        _experiment(stores, name="taken")

    assert build.audited(stores) == []


def test_a_replay_leaves_no_second_entry(stores: Stores) -> None:
    trail = replace(build.receipt(), act=build.act("experiment.create").act)
    new = build.new_experiment("once")
    first = stores.tracking.add_experiment(new, trail=trail).result()
    again = stores.tracking.add_experiment(new, trail=trail).result()

    assert first == again
    assert len(build.audited(stores)) == 1


# --- the chain ---------------------------------------------------------------------------------


def test_entries_of_many_threads_make_one_chain(stores: Stores) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: note(stores, 10), range(8)))

    assert check_chain(stores) == 80


def test_refusals_between_changes_leave_the_chain_whole(stores: Stores) -> None:
    """What is undone with a savepoint takes its entry along, and the next one follows the last."""
    build.add_experiment(stores.tracking, "taken")

    def change(number: int) -> None:
        trail = build.act("experiment.create")
        name = "taken" if number % 2 else f"free {number}"
        stores.tracking.add_experiment(build.new_experiment(name), trail=trail).exception()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(40)))

    assert check_chain(stores) == 20


def test_links_are_read_in_pieces(stores: Stores) -> None:
    note(stores, 5)

    first = stores.audit.links(after=0, limit=3)
    rest = stores.audit.links(after=3, limit=3)
    assert [link.seq for link in (*first, *rest)] == [1, 2, 3, 4, 5]
    last = stores.audit.last()
    assert last is not None
    assert (last.seq, last.hash) == (5, rest[-1].hash)


def test_an_entry_is_found_by_its_number(stores: Stores) -> None:
    note(stores, 2)

    found = stores.audit.entry(2)
    assert found is not None
    assert (found.seq, found.id) == (2, "1")
    assert stores.audit.entry(3) is None
    assert stores.audit.entry(0) is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"actor": "bob"}, [3]),
        ({"action": "b.do"}, [2, 3]),
        ({"kind": "thing", "id": "0"}, [1, 2, 3, 4]),
        ({"kind": "other"}, []),
        ({"request_id": "r4"}, [4]),
        ({"since_ms": 2_000, "until_ms": 4_000}, [2, 3]),
        ({"action": "b.do", "actor": "ada"}, [2]),
    ],
)
def test_filters_find_entries(stores: Stores, query: dict[str, Any], found: list[int]) -> None:
    note(stores, action="a.do", at_ms=1_000, request_id="r1")
    note(stores, action="b.do", at_ms=2_000, request_id="r2")
    note(stores, action="b.do", at_ms=3_000, request_id="r3", actor="bob")
    note(stores, action="a.do", at_ms=4_000, request_id="r4", verified=True)

    assert [entry.seq for entry in build.audited(stores, **query)] == found


def test_pages_hold_all_entries_once(stores: Stores) -> None:
    note(stores, 7)

    seen: list[int] = []
    after: int | None = None
    while True:
        page = stores.audit.entries(AuditQuery(actor="ada"), limit=3, after=after)
        seen += [entry.seq for entry in page.items]
        if page.next is None:
            break
        (after,) = page.next  # type: ignore[assignment]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_heads_and_keys_are_kept_once(stores: Stores) -> None:
    assert stores.audit.last_head() is None
    assert stores.audit.add_head(HEAD, KEY).result() is True
    assert stores.audit.add_head(replace(HEAD, signature="t"), KEY).result() is False
    later = replace(HEAD, seq=4)
    assert stores.audit.add_head(later, KEY).result() is True

    assert stores.audit.heads(after=0, limit=9) == [HEAD, later]
    assert stores.audit.heads(after=1, limit=9) == [later]
    assert stores.audit.heads(after=0, limit=1) == [HEAD]
    assert stores.audit.last_head() == later
    assert stores.audit.keys() == [KEY]
