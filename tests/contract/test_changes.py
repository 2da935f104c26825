"""Who looks at runs is told what was logged, whoever logged it."""

from __future__ import annotations

from millrace.stores.protocols import Stores
from tests.contract import build


def revisions(stores: Stores, *run_ids: str) -> dict[str, int]:
    return {one.run_id: one.revision for one in stores.changes.revisions(list(run_ids))}


def test_each_write_to_a_run_changes_its_number(stores: Stores) -> None:
    run = build.add_run(stores.tracking)
    seen = []
    for step in range(3):
        build.log(stores.tracking, run, build.point(1, step))
        seen.append(revisions(stores, run)[run])

    assert len(set(seen)) == 3


def test_runs_that_were_just_written_to_are_found_by_themselves(stores: Stores) -> None:
    experiment = build.add_experiment(stores.tracking)
    run = build.add_run(stores.tracking, experiment)
    build.log(stores.tracking, run, build.point(1))

    (found,) = [one for one in stores.changes.revisions([]) if one.run_id == run]

    assert found.experiment_id == experiment


def test_runs_that_nobody_wrote_to_stay_as_they_are(stores: Stores) -> None:
    run, other = build.add_run(stores.tracking), build.add_run(stores.tracking)
    build.log(stores.tracking, run, build.point(1))
    before = revisions(stores, run, other)

    build.log(stores.tracking, other, build.point(1))

    assert revisions(stores, run, other)[run] == before[run]
