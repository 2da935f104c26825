"""The ledger of artifacts: what is recorded of files, and how it survives being written at once."""

from __future__ import annotations

import pytest

from millrace.core.entities.artifact import ArtifactRecord
from millrace.stores.protocols import ArtifactRecords, Stores

ROOT = "mlflow-artifacts:/3/" + "0" * 32 + "/artifacts"


@pytest.fixture
def ledger(stores: Stores) -> ArtifactRecords:
    return stores.artifacts


def entry(path: str = "a", digest: str = "d1", size: int = 3, at_ms: int = 1) -> ArtifactRecord:
    return ArtifactRecord(uri=f"{ROOT}/{path}", size=size, sha256=digest, recorded_ms=at_ms)


def take_in(ledger: ArtifactRecords, record: ArtifactRecord) -> None:
    known = ledger.begin(record.uri, "t").result()
    ledger.settle(record, token="t" if known else None).result()


def test_a_new_file_is_recorded_when_it_is_there(ledger: ArtifactRecords) -> None:
    assert ledger.begin(entry().uri, "t").result() is None
    assert ledger.record(entry().uri) is None

    ledger.settle(entry(), token=None).result()

    assert ledger.record(entry().uri) == entry()


def test_new_bytes_are_announced_and_then_recorded(ledger: ArtifactRecords) -> None:
    take_in(ledger, entry())

    assert ledger.begin(entry().uri, "t").result() == entry()
    assert ledger.record(entry().uri) == ArtifactRecord(**dict(entry()) | {"token": "t"})
    ledger.settle(entry(digest="d2", at_ms=2), token="t").result()

    assert ledger.record(entry().uri) == entry(digest="d2", at_ms=2)


@pytest.mark.parametrize("order", [("A", "B"), ("B", "A")])
@pytest.mark.parametrize("is_new", [True, False])
def test_two_that_write_at_once_leave_it_unsettled(
    ledger: ArtifactRecords, order: tuple[str, str], is_new: bool
) -> None:
    """Nobody can tell whose bytes are visible, so a reading has to."""
    if not is_new:
        take_in(ledger, entry(digest="d0"))
    tokens = {one: one if ledger.begin(entry().uri, one).result() else None for one in "AB"}

    for one in order:
        ledger.settle(entry(digest=f"d{one}"), token=tokens[one]).result()

    found = ledger.record(entry().uri)
    assert found is not None
    assert found.token is not None


def test_the_same_bytes_at_once_are_no_conflict(ledger: ArtifactRecords) -> None:
    for _ in range(2):
        ledger.settle(entry(), token=None).result()

    assert ledger.record(entry().uri) == entry()


def test_a_folder_holds_what_is_below_it_by_whole_segments(ledger: ArtifactRecords) -> None:
    names = ["a", "a/b", "a/c%d/e_f", "a/" + "x" * 300, "ab", "a.b"]
    for name in names:
        take_in(ledger, entry(name))

    def below(path: str) -> list[str]:
        return [one.uri.removeprefix(f"{ROOT}/") for one in ledger.below(f"{ROOT}/{path}")]

    assert below("a") == ["a", "a/b", "a/c%d/e_f", "a/" + "x" * 300]
    assert below("a/c%d") == ["a/c%d/e_f"]
    assert below("none") == []
    assert len(list(ledger.below(ROOT))) == len(names)
    assert len(list(ledger.below("mlflow-artifacts:/"))) == len(names)


def test_a_deep_folder_is_told_from_its_neighbours(ledger: ArtifactRecords) -> None:
    deep = "y" * 200
    for name in (f"{deep}1/a", f"{deep}2/a", f"{deep}1_/a", f"{deep}%/a"):
        take_in(ledger, entry(name))

    assert ledger.forget(f"{ROOT}/{deep}1").result() == 1
    assert len(list(ledger.below(ROOT))) == 3


def test_forgetting_takes_what_is_below_along(ledger: ArtifactRecords) -> None:
    for name in ("a", "a/b", "ab"):
        take_in(ledger, entry(name))

    assert ledger.forget(f"{ROOT}/a").result() == 2
    assert ledger.forget(f"{ROOT}/a").result() == 0

    assert [one.uri for one in ledger.below(ROOT)] == [f"{ROOT}/ab"]


def test_damage_is_marked_and_taken_back(ledger: ArtifactRecords) -> None:
    take_in(ledger, entry())

    ledger.mark(entry().uri, "another digest", broken_ms=7).result()
    assert ledger.record(entry().uri) == entry()
    ledger.mark(entry().uri, "d1", broken_ms=7).result()
    assert ledger.record(entry().uri) == ArtifactRecord(**dict(entry()) | {"broken_ms": 7})
    ledger.mark(entry().uri, "d1", broken_ms=None).result()

    assert ledger.record(entry().uri) == entry()


def test_equal_bytes_are_found_by_their_digest(ledger: ArtifactRecords) -> None:
    for name, digest, size in (("a", "d1", 3), ("b", "d1", 3), ("c", "d1", 4), ("d", "d2", 3)):
        take_in(ledger, entry(name, digest, size))
    ledger.begin(entry("b").uri, "t").result()

    assert [one.uri for one in ledger.alike("d1", 3)] == [f"{ROOT}/a"]


def test_a_thousand_records_come_in_order(ledger: ArtifactRecords) -> None:
    names = [f"f{number:04}" for number in range(1100)]
    for future in [ledger.settle(entry(name), token=None) for name in names]:
        future.result()

    assert [one.uri for one in ledger.below(ROOT)] == [f"{ROOT}/{name}" for name in names]


def test_several_records_at_once(ledger: ArtifactRecords) -> None:
    for name in ("a", "b", "c"):
        take_in(ledger, entry(name))

    found = ledger.records([entry("c").uri, entry("a").uri, f"{ROOT}/none"])

    assert {one.uri for one in found} == {entry("a").uri, entry("c").uri}
    assert ledger.records([]) == []
    for count in (15, 17, 63, 70):
        others = [f"{ROOT}/none{number}" for number in range(count)]
        found = ledger.records([entry("a").uri, *others, entry("b").uri])
        assert {one.uri for one in found} == {entry("a").uri, entry("b").uri}


def test_sizes_below_folders_are_added_up(ledger: ArtifactRecords) -> None:
    deep = ROOT + "/" + "d" * 200
    for path, size in [("a", 1), ("b/c", 2), ("b/d/e", 2**40), (deep.removeprefix(ROOT)[1:], 5)]:
        take_in(ledger, entry(path, size=size))
    take_in(ledger, entry(deep.removeprefix(ROOT)[1:] + "/x", size=7))

    found = ledger.sizes([ROOT, f"{ROOT}/b/", f"{ROOT}/a", deep, "mlflow-artifacts:/33"])

    assert [(one.files, one.bytes) for one in found] == [
        (5, 2**40 + 15),
        (2, 2**40 + 2),
        (0, 0),  # a file is no folder
        (1, 7),
        (0, 0),
    ]
    assert ledger.total() == found[0]


def test_sizes_are_added_up_by_the_names_below_a_folder(ledger: ArtifactRecords) -> None:
    deep = "d" * 200
    for path, size in [("ab1/x", 1), ("ab1/y/z", 2), ("ab2/x", 2**40), ("c", 5), ("é%2/x", 3)]:
        take_in(ledger, entry(path, size=size))
        take_in(ledger, entry(f"{deep}/{path}", size=size))

    def sizes(folder: str, length: int) -> dict[str, tuple[int, int]]:
        found = ledger.sizes_by_name(folder, length)
        return {name: (one.files, one.bytes) for name, one in found.items()}

    by_three = {"ab1": (2, 3), "ab2": (1, 2**40), "c": (1, 5), "é%2": (1, 3)}
    assert sizes(ROOT, 3) == by_three | {"ddd": (5, 2**40 + 11)}
    assert sizes(f"{ROOT}/{deep}/", 3) == by_three
    assert sizes(ROOT, 2)["ab"] == (3, 2**40 + 3)
    assert sizes(f"{ROOT}/nothing", 3) == {}
