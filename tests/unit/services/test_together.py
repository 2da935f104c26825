"""Small files in groups: who gets which answer, and that groups form."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from millrace.artifacts.local import LocalArtifacts
from millrace.artifacts.memory import MemoryArtifacts
from millrace.artifacts.protocols import ArtifactStore, Together
from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import InvalidArgument, MillraceError, PreconditionFailed, Unavailable
from millrace.services.offers import Offer, Sent
from millrace.services.places import Spot
from millrace.services.together import Groups
from millrace.services.transfers import Transfers
from millrace.stores.memory import MemoryStores

Answer = Future[ArtifactRecord | None]


@pytest.fixture
def transfers() -> Transfers:
    return Transfers(MemoryStores().artifacts, recheck_s=60.0)


@pytest.fixture
def groups(transfers: Transfers) -> Iterator[Groups]:
    groups = Groups(transfers)
    yield groups
    groups.close()


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "root")


def sent(store: ArtifactStore, name: str, body: bytes, offer: Offer | None = None) -> Sent:
    spot = Spot(store, f"0/{name}", f"mlflow-artifacts:/0/{name}")
    return Sent(spot, body, offer or Offer(), NO_TRAIL)


def take(groups: Groups, each: Sent) -> Answer:
    return groups.take(lambda: each)


def test_each_file_gets_its_own_answer(
    groups: Groups, transfers: Transfers, store: LocalArtifacts
) -> None:
    files = {f"{number}": b"%d" % number * 100 for number in range(200)}
    wrong = sent(store, "wrong", b"x", Offer(digests={"sha-256": bytes(32)}))

    answers = {name: take(groups, sent(store, name, body)) for name, body in files.items()}
    refused = take(groups, wrong)

    for name, body in files.items():
        record = answers[name].result()
        assert record is not None
        opened = transfers.open(sent(store, name, b"").spot)
        assert opened.is_right
        assert (opened.sha256, b"".join(opened.chunks())) == (record.sha256, body)
        opened.close()
    with pytest.raises(InvalidArgument, match="SHA-256"):
        refused.result()
    assert store.stat("0/wrong") is None


def test_the_same_file_twice_in_a_group_is_written_twice(
    groups: Groups, transfers: Transfers, store: LocalArtifacts
) -> None:
    bodies = [b"%d" % number for number in range(20)]

    answers = [take(groups, sent(store, "x", body)) for body in bodies]

    for answer in answers:
        answer.result()
    recorded = transfers.recorded(sent(store, "x", b"").spot)
    assert recorded == answers[-1].result()
    assert b"".join(store.get("0/x")) == bodies[-1]


def test_a_condition_that_fails_changes_nothing(
    groups: Groups, transfers: Transfers, store: LocalArtifacts
) -> None:
    first = take(groups, sent(store, "x", b"first")).result()

    again = take(groups, sent(store, "x", b"second", Offer(replace=False)))

    with pytest.raises(PreconditionFailed):
        again.result()
    assert transfers.recorded(sent(store, "x", b"").spot) == first
    assert b"".join(store.get("0/x")) == b"first"


def test_what_is_not_let_in_is_answered_and_disturbs_nobody(
    groups: Groups, store: LocalArtifacts
) -> None:
    def refuse() -> Sent:
        raise InvalidArgument("no")

    refused = groups.take(refuse)
    taken = take(groups, sent(store, "x", b"1"))

    assert isinstance(refused.exception(), MillraceError)
    assert taken.result() is not None


def test_other_stores_get_their_files_one_by_one(groups: Groups) -> None:
    store = MemoryArtifacts()
    assert not isinstance(store, Together)

    assert take(groups, sent(store, "x", b"1")).result() is None


def test_what_was_accepted_is_finished_at_the_end(
    transfers: Transfers, store: LocalArtifacts
) -> None:
    groups = Groups(transfers)
    answers = [take(groups, sent(store, str(number), b"1")) for number in range(50)]

    groups.close()

    assert all(answer.result() for answer in answers)
    with pytest.raises(Unavailable):
        take(groups, sent(store, "late", b"1"))
