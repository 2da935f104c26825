"""Many writers at once on one registered model: what comes out is what they were told (P3, R4).

`--full-size`: 64 writers with 10,000 operations each.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
import pytest

from millrace.core.entities.entity import pairs
from millrace.core.entities.registry import (
    AliasMove,
    ModelVersion,
    NewVersion,
    RegisteredModel,
    RegisteredModelChange,
)
from millrace.stores.protocols import Stores


@dataclass
class Registered:
    """What one writer did to the model, as it was told."""

    numbers: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str | None] = field(default_factory=dict)


def change_model(stores: Stores, number: int, operations: int) -> Registered:
    """Register, delete and tag versions, move aliases: those of all and those of one's own."""
    dice, told, registry = random.Random(number), Registered(), stores.registry
    for turn in range(operations):
        own = f"own{number}-{dice.randrange(3)}"
        kept = [one for one in told.numbers if one not in told.gone]
        match dice.randrange(6):
            case 0 | 1:
                new = NewVersion(name="m", source="s3://b/m", location="s3://b/m", created_ms=turn)
                told.numbers.append(int(registry.add_version(new).result().version))
            case 2:
                change = RegisteredModelChange(set_tags=pairs({own: str(turn)}))
                registry.change_registered_model("m", change).result()
                told.tags[own] = str(turn)
            case 3:
                version = dice.choice([1, *kept[-3:]])
                for alias in ("best", own):
                    move = AliasMove(name="m", alias=alias, version=version, at_ms=1)
                    registry.move(move).result()
                told.aliases[own] = str(version)
            case 4:
                registry.move(AliasMove(name="m", alias=own, version=None, at_ms=1)).result()
                told.aliases[own] = None
            case _ if kept:
                registry.delete_version("m", kept[-1], at_ms=1).result()
                told.gone.add(kept[-1])
                lost = [one for one, at in told.aliases.items() if at == str(kept[-1])]
                told.aliases |= dict.fromkeys(lost)
    return told


@pytest.mark.proof("P3")
@pytest.mark.needs("registry")
@pytest.mark.timeout(3_600)
def test_a_model_that_all_change_is_as_they_were_told(stores: Stores, full_size: bool) -> None:
    writers, operations = (64, 10_000) if full_size else (12, 60)
    registry = stores.registry
    registry.add_registered_model(
        RegisteredModel(name="m", creation_timestamp=1, last_updated_timestamp=1)
    ).result()
    first = NewVersion(name="m", source="s3://b/m", location="s3://b/m", created_ms=1)
    registry.add_version(first).result()

    with ThreadPoolExecutor(writers) as pool:
        under_way = [
            pool.submit(change_model, stores, number, operations) for number in range(writers)
        ]
        told = [one.result() for one in under_way]

    numbers = [one for each in told for one in each.numbers]
    assert sorted(numbers) == list(range(2, len(numbers) + 2))
    document = registry.registered_model("m")
    assert document is not None
    model = msgspec.json.decode(document, type=RegisteredModel)
    assert model.tags == {key: value for each in told for key, value in each.tags.items()}
    gone = set().union(*(each.gone for each in told))
    aliases = model.aliases
    assert int(aliases.pop("best", "1")) not in gone
    expected = {alias: at for each in told for alias, at in each.aliases.items() if at is not None}
    assert aliases == expected
    # Each version tells of the aliases that the model tells of, and of no others.
    pointing: dict[str, list[str]] = {}
    for alias, version in model.aliases.items():
        pointing.setdefault(version, []).append(alias)
    for number in range(1, len(numbers) + 2):
        held = registry.version("m", number)
        assert (held is None) is (number in gone)
        if held is not None:
            of_version = msgspec.json.decode(held, type=ModelVersion).alias_list
            assert sorted(of_version) == sorted(pointing.get(str(number), []))
