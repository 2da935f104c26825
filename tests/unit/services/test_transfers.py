"""Files in and out against their records: what counts as right, as damaged, as replaced."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from millrace.artifacts.local import LocalArtifacts
from millrace.artifacts.memory import MemoryArtifacts
from millrace.core import clock
from millrace.core.entities.artifact import ArtifactRecord, ArtifactStat
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import (
    DataLoss,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TooLarge,
    Unavailable,
)
from millrace.services.offers import Offer
from millrace.services.outlet import Replaced
from millrace.services.places import Places, Spot
from millrace.services.transfers import Transfers
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import ArtifactRecords

BODY = os.urandom(400_000)


@pytest.fixture
def ledger() -> ArtifactRecords:
    return MemoryStores().artifacts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def spot(root: Path) -> Spot:
    return Spot(LocalArtifacts(root), "0/x", "mlflow-artifacts:/0/x")


def made(ledger: ArtifactRecords, *, recheck_s: float = 60.0, most_bytes: int = 0) -> Transfers:
    return Transfers(ledger, recheck_s=recheck_s, most_bytes=most_bytes)


def put(transfers: Transfers, spot: Spot, body: bytes = BODY) -> ArtifactRecord:
    return transfers.receive(spot, [body], Offer(), trail=NO_TRAIL)


def got(transfers: Transfers, spot: Spot) -> bytes:
    opened = transfers.open(spot)
    try:
        return b"".join(opened.chunks())
    finally:
        opened.close()


def flip(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    with file.open("r+b") as stream:
        stream.write(body)


def test_what_came_in_is_recorded(ledger: ArtifactRecords, spot: Spot) -> None:
    with clock.fixed(7):
        record = put(made(ledger), spot)

    digest = hashlib.sha256(BODY).hexdigest()
    assert record == ArtifactRecord(uri=spot.uri, size=len(BODY), sha256=digest, recorded_ms=7)
    assert ledger.record(spot.uri) == record


def test_a_file_that_was_just_written_needs_no_second_look(
    ledger: ArtifactRecords, spot: Spot
) -> None:
    transfers = made(ledger)
    put(transfers, spot)

    opened = transfers.open(spot)

    assert opened.is_right
    opened.close()
    for other in (made(ledger), made(ledger, recheck_s=0)):
        opened = other.open(spot)
        assert not opened.is_right
        opened.close()


def test_after_one_good_reading_it_counts_as_right(ledger: ArtifactRecords, spot: Spot) -> None:
    put(made(ledger), spot)
    transfers = made(ledger)

    assert got(transfers, spot) == BODY

    opened = transfers.open(spot)
    assert opened.is_right
    opened.close()


def test_a_small_file_that_counts_as_right_is_at_hand(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    """Until it is touched, and nowhere else than where it was found right."""
    transfers = made(ledger)
    digest = put(transfers, spot).sha256
    opened = transfers.at_hand(spot, len(BODY))
    if opened is None:
        pytest.skip("this kernel, or this file system, does not say what it has in memory")

    assert b"".join(opened.chunks()) == BODY
    assert b"".join(opened.chunks(5, 9)) == BODY[5:9]
    assert (opened.is_right, opened.etag, opened.size) == (True, digest, len(BODY))
    assert transfers.at_hand(spot, len(BODY) - 1) is None
    assert made(ledger).at_hand(spot, len(BODY)) is None
    assert made(ledger, recheck_s=0).at_hand(spot, len(BODY)) is None
    (root / "0/x").write_bytes(BODY)
    assert transfers.at_hand(spot, len(BODY)) is None


def test_whoever_touches_the_file_ends_that(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    transfers = made(ledger)
    put(transfers, spot)
    times = (root / "0/x").stat()
    flip(root / "0/x")
    os.utime(root / "0/x", ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(DataLoss, match="0/x"):
        got(transfers, spot)

    record = ledger.record(spot.uri)
    assert record is not None
    assert record.broken_ms is not None
    with pytest.raises(DataLoss):
        transfers.open(spot)  # now before the first byte


def test_a_file_that_is_whole_again_is_served_again(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    transfers = made(ledger)
    put(transfers, spot)
    flip(root / "0/x")
    with pytest.raises(DataLoss):
        got(transfers, spot)
    flip(root / "0/x")

    assert got(transfers, spot) == BODY

    record = ledger.record(spot.uri)
    assert record is not None
    assert record.broken_ms is None


def test_bytes_that_a_dead_server_had_announced_are_no_damage(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    """It died between the rename and the record; a good while later they are what there is."""
    transfers = made(ledger)
    put(transfers, spot)
    ledger.begin(spot.uri, "0-dead").result()
    flip(root / "0/x")
    now = (root / "0/x").read_bytes()

    assert got(transfers, spot) == now

    record = ledger.record(spot.uri)
    assert record is not None
    assert (record.sha256, record.token) == (hashlib.sha256(now).hexdigest(), None)


def test_an_announcement_that_came_to_nothing_does_not_hide_damage_for_ever(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    transfers = made(ledger)
    put(transfers, spot)
    ledger.begin(spot.uri, "0-dead").result()
    assert got(made(ledger), spot) == BODY
    flip(root / "0/x")

    with pytest.raises(DataLoss):
        got(transfers, spot)


def test_bytes_that_are_just_being_replaced_are_not_recorded_by_a_reader(
    ledger: ArtifactRecords, spot: Spot, root: Path
) -> None:
    transfers = made(ledger)
    before = put(transfers, spot)
    ledger.begin(spot.uri, f"{clock.now_ms():x}-alive").result()
    flip(root / "0/x")

    got(transfers, spot)

    record = ledger.record(spot.uri)
    assert record is not None
    assert record.sha256 == before.sha256
    assert record.token is not None


def test_a_file_that_lost_its_name_while_it_was_read_is_not_damaged(
    ledger: ArtifactRecords, spot: Spot
) -> None:
    transfers = made(ledger, recheck_s=0)
    put(transfers, spot)
    ledger.settle(
        ArtifactRecord(uri=spot.uri, size=len(BODY), sha256="0" * 64, recorded_ms=1), token="t"
    ).result()
    ledger.settle(
        ArtifactRecord(uri=spot.uri, size=len(BODY), sha256="0" * 64, recorded_ms=1), token=None
    ).result()
    opened = transfers.open(spot)
    put(transfers, spot, BODY[::-1])

    with pytest.raises(Replaced):
        list(opened.chunks())

    opened.close()
    assert got(transfers, spot) == BODY[::-1]


def test_a_failed_upload_leaves_the_record_as_it_was(ledger: ArtifactRecords, spot: Spot) -> None:
    transfers = made(ledger)
    before = put(transfers, spot)

    with pytest.raises(InvalidArgument):
        transfers.receive(spot, [b"x"], Offer(digests={"sha-256": bytes(32)}), trail=NO_TRAIL)

    assert ledger.record(spot.uri) == before
    assert got(transfers, spot) == BODY


class Silent(MemoryArtifacts):
    """A store whose answer is lost after it has kept the bytes, or before."""

    keeps = True
    answers = True

    def put(self, path: str, body: Any, **how: Any) -> ArtifactStat:
        if self.answers:
            return super().put(path, body, **how)
        for _ in body:
            pass
        if self.keeps:
            super().put(path, [BODY[::-1]], **how)
        raise Unavailable("No answer.")


@pytest.mark.parametrize("keeps", [True, False])
def test_what_a_store_keeps_that_failed_is_no_damage(ledger: ArtifactRecords, keeps: bool) -> None:
    """It may have the new bytes or the old ones: either is right, and the old ones are compared."""
    transfers, store = made(ledger), Silent()
    spot = Spot(store, "0/x", "memory:/0/x")
    put(transfers, spot)
    store.answers, store.keeps = False, keeps

    with pytest.raises(Unavailable):
        put(transfers, spot, BODY[::-1])

    assert got(transfers, spot) == (BODY[::-1] if keeps else BODY)
    store.answers = True
    if not keeps:
        store.put("0/x", [b"other"])
        with pytest.raises(DataLoss):
            got(transfers, spot)


def test_a_file_has_a_largest_size(ledger: ArtifactRecords, spot: Spot) -> None:
    transfers = made(ledger, most_bytes=10)

    for offer in (Offer(size=11), Offer()):
        with pytest.raises(TooLarge):
            transfers.receive(spot, [b"x" * 6, b"x" * 5], offer, trail=NO_TRAIL)

    assert put(transfers, spot, b"x" * 10).size == 10


def test_a_store_that_is_no_disk(ledger: ArtifactRecords) -> None:
    spot = Spot(MemoryArtifacts(), "0/x", "memory:/0/x")
    transfers = made(ledger)
    put(transfers, spot)

    assert got(transfers, spot) == BODY
    spot.store.put("0/x", [b"other"])
    with pytest.raises(DataLoss):
        got(transfers, spot)
    with pytest.raises(NotFound):
        transfers.open(spot.at("none"))


# Places


def opened_places(**options: object) -> tuple[Places, list[str]]:
    opened: list[str] = []

    def open_store(uri: str) -> MemoryArtifacts:
        opened.append(uri)
        return MemoryArtifacts()

    return Places(open_store, **options), opened  # type: ignore[arg-type]  # as given


def test_only_the_roots_are_touched() -> None:
    places, opened = opened_places(destination="s3://b/ml", roots=["/srv/a"])

    assert places.at("mlflow-artifacts:/3/r").path == "3/r"
    assert places.at("s3://b/ml/3/r").uri == "mlflow-artifacts:/3/r"
    assert places.at("/srv/a/3").uri == places.at("file:///srv/a/3").uri == "/srv/a/3"
    for elsewhere in ("s3://b/mlx", "s3://b", "/srv/ab", "/srv", "/srv/a/../b", "s3://b/ml/%2e%2e/x",
                      "mlflow-artifacts://host/3", "gs://b/ml", "/", ""):  # fmt: skip
        with pytest.raises(PermissionDenied):
            places.at(elsewhere)
    assert opened == ["s3://b/ml", "/srv/a"]


def test_a_stored_path_is_checked_when_it_is_used() -> None:
    """S16: a row that is older than a rule, or came by SQL, is inert."""
    places, _ = opened_places(destination="/srv/a")

    for bad in ("mlflow-artifacts:/3/CON", "mlflow-artifacts:/3//x", "mlflow-artifacts:/a%2500"):
        with pytest.raises(InvalidArgument):
            places.at(bad)


def test_one_s_own_process_goes_anywhere() -> None:
    places, opened = opened_places(trusting=True)

    assert places.at("s3://b/x").path == ""
    assert opened == ["s3://b/x"]


def test_spots_meet_by_whole_segments() -> None:
    places, _ = opened_places(destination="/srv/a")
    model = places.proxied("3/models/m")

    assert model.meets(places.proxied("3"))
    assert model.meets(model.at("x;#?"))
    assert not model.meets(places.proxied("3/models/m2"))
