"""Numbers, ids and enums: which spellings are read, and how they come back."""

from __future__ import annotations

import math
import struct

import pytest

from tests.wire import build
from tests.wire.client import Api, number
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

INT64 = 2**63

INTEGERS = [
    (5, 5),
    (0, 0),
    ("5", 5),
    ("0", 0),
    (5.0, 5),
    (1e3, 1000),
    (INT64 - 1, INT64 - 1),
    (str(INT64 - 1), INT64 - 1),
    (2**53 + 1, 2**53 + 1),
]
NEGATIVES = [(-1, -1), ("-1", -1), (-INT64, -INT64), (str(-INT64), -INT64), (-2.0, -2)]
NO_INTEGERS = [1.5, INT64, -INT64 - 1, "1.5", "x", True, [], [1], {}, "0x10", "1_0", "\u0661",
               "1e3x", " 1", "1 ", "NaN", "Infinity", str(INT64), 1e19]  # fmt: skip
DOUBLES = [0.5, -0.5, 3, "0.5", "3", "1e3", "-1E-3", 5e-324, "5e-324", 1.7976931348623157e308,
           2**53 + 2, 0.1, 1e22, 123456789.12345678]  # fmt: skip
NO_DOUBLES = [
    "x",
    "nan",
    "1,5",
    True,
    [],
    [1.5],
    {},
    "0x1p3",
    "1_0",
    "\u0661",
    " 1",
    "--1",
    "1e400",
    "-1e400",
]


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


# Integers


@pytest.mark.parametrize(("given", "stored"), INTEGERS)
@pytest.mark.parametrize("field", ["timestamp", "step"])
def test_integers_of_a_metric(api: Api, run: str, field: str, given: object, stored: int) -> None:
    message = {"run_id": run, "key": "m", "value": 1, "timestamp": 1, field: given}
    done(api.post("runs/log-metric", message))

    assert build.history(api, run)[0][field] == stored


@pytest.mark.parametrize(("given", "stored"), NEGATIVES)
def test_steps_may_be_negative(api: Api, run: str, given: object, stored: int) -> None:
    build.log(api, run, metrics=[build.point("m", 1, 1, given)])

    assert build.history(api, run)[0]["step"] == stored


@differs("what is no int64 is refused, never stored as 0")
@pytest.mark.parametrize("given", NO_INTEGERS, ids=repr)
@pytest.mark.parametrize("field", ["timestamp", "step"])
def test_no_integers(api: Api, run: str, field: str, given: object) -> None:
    message = {"run_id": run, "key": "m", "value": 1, "timestamp": 1, field: given}

    refused(api.post("runs/log-metric", message), INVALID, field)

    assert build.history(api, run) == []


@pytest.mark.parametrize("given", [-1, "-1", -INT64])
def test_timestamps_may_not_be_negative(api: Api, run: str, given: object) -> None:
    message = {"run_id": run, "key": "m", "value": 1, "timestamp": given}

    refused(api.post("runs/log-metric", message), INVALID, "timestamp")


@pytest.mark.parametrize(("given", "stored"), [pair for pair in INTEGERS if pair[1]])
def test_integers_of_a_run(api: Api, given: object, stored: int) -> None:
    run = build.add_run(api, start_time=given)
    ok(api.post("runs/update", {"run_id": run, "end_time": given}))

    info = build.info(api, run)

    assert (info["start_time"], info["end_time"]) == (stored, stored)


@differs("an end at the epoch is an end; MLflow shows none")
def test_zero_is_not_absent(api: Api, run: str) -> None:
    ok(api.post("runs/update", {"run_id": run, "end_time": 0}))

    assert build.info(api, run)["end_time"] == 0


@differs("what is no int64 is refused, never stored as 0")
@pytest.mark.parametrize("given", NO_INTEGERS, ids=repr)
def test_no_integers_in_a_run(api: Api, experiment: str, run: str, given: object) -> None:
    create = {"experiment_id": experiment, "start_time": given}
    update = {"run_id": run, "end_time": given, "run_name": "changed"}

    refused(api.post("runs/create", create), INVALID, "start_time")
    refused(api.post("runs/update", update), INVALID, "end_time")

    found = ok(api.post("runs/search", {"experiment_ids": [experiment]}))["runs"]
    assert [item["info"]["run_id"] for item in found] == [run]
    assert build.info(api, run)["run_name"] != "changed"


# Doubles


@pytest.mark.parametrize("given", DOUBLES, ids=repr)
def test_doubles_come_back_bit_for_bit(api: Api, run: str, given: float | str) -> None:
    message = {"run_id": run, "key": "m", "value": given, "timestamp": 0}
    done(api.post("runs/log-metric", message))

    stored = build.history(api, run)[0]["value"]

    assert isinstance(stored, int | float)
    assert bits(float(stored)) == bits(float(given))
    assert build.latest(api, run)["m"]["value"] == stored


@pytest.mark.parametrize("path", ["runs/log-metric", "runs/log-batch"])
def test_nan_is_kept_as_text(api: Api, run: str, path: str) -> None:
    metric = build.point("m", "NaN")
    message = {"metrics": [metric]} if path == "runs/log-batch" else metric
    done(api.post(path, {"run_id": run, **message}))

    assert build.history(api, run)[0]["value"] == "NaN"
    assert build.latest(api, run)["m"]["value"] == "NaN"


@differs("infinities and negative zero are kept instead of clamped or flattened")
@pytest.mark.parametrize("path", ["runs/log-metric", "runs/log-batch"])
@pytest.mark.parametrize(
    ("given", "shown"),
    [("Infinity", "Infinity"), ("-Infinity", "-Infinity"), (-0.0, -0.0), ("-0", -0.0)],
)
def test_odd_doubles_are_kept_exactly(
    api: Api, run: str, path: str, given: object, shown: object
) -> None:
    metric = build.point("m", given)
    message = {"metrics": [metric]} if path == "runs/log-batch" else metric
    done(api.post(path, {"run_id": run, **message}))

    for stored in (build.history(api, run)[0]["value"], build.latest(api, run)["m"]["value"]):
        assert bits(number(stored)) == bits(number(shown))
        assert isinstance(stored, str) == isinstance(shown, str)


@pytest.mark.parametrize("given", ["Infinity", "-Infinity"])
def test_infinities_are_at_least_accepted(api: Api, run: str, given: str) -> None:
    build.log(api, run, metrics=[build.point("m", given)])

    stored = number(build.history(api, run)[0]["value"])

    assert abs(stored) >= 1.7976931348623157e308
    assert math.copysign(1, stored) == math.copysign(1, float(given))


@differs("what is no double is refused, never stored as 0 or 1")
@pytest.mark.parametrize("given", NO_DOUBLES, ids=repr)
@pytest.mark.parametrize("path", ["runs/log-metric", "runs/log-batch"])
def test_no_doubles(api: Api, run: str, path: str, given: object) -> None:
    metric = build.point("m", given)
    message = {"metrics": [metric]} if path == "runs/log-batch" else metric

    refused(api.post(path, {"run_id": run, **message}), INVALID, "value")

    assert build.history(api, run) == []


# Ids


def test_ids_come_back_as_strings(api: Api, run: str, experiment: str) -> None:
    info = build.info(api, run)

    assert info["experiment_id"] == experiment
    assert isinstance(info["experiment_id"], str)
    assert isinstance(info["start_time"], int)
    assert isinstance(build.experiment(api, experiment)["creation_time"], int)


@pytest.mark.parametrize("given", [12, 12.0, True, ["1"], {"id": "1"}], ids=repr)
def test_ids_must_be_given_as_strings(api: Api, given: object) -> None:
    message = {"experiment_id": given, "key": "k", "value": "v"}

    refused(api.post("experiments/set-experiment-tag", message), INVALID, "experiment_id")


@differs("an id of the wrong kind in a list is refused, not passed over")
@pytest.mark.parametrize("given", [14, None, True, ["1"]], ids=repr)
def test_ids_in_a_list_must_be_strings(api: Api, given: object) -> None:
    message = {"experiment_ids": [given]}

    refused(api.post("runs/search", message), INVALID, "experiment_ids")


# Enums

STATUSES = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}


@pytest.mark.parametrize("name", STATUSES)
def test_enums_by_name_and_number(api: Api, run: str, name: str) -> None:
    for given in (name, STATUSES[name]):
        reply = ok(api.post("runs/update", {"run_id": run, "status": given}))

        assert reply["run_info"]["status"] == name


@differs("an unknown enum value is refused, not passed over")
@pytest.mark.parametrize(
    "given", ["BOGUS", "finished", "Finished", "", 1.5, True, [], "FINISHED "], ids=repr
)
def test_unknown_enum_values(api: Api, run: str, given: object) -> None:
    message = {"run_id": run, "status": given, "run_name": "changed"}

    refused(api.post("runs/update", message), INVALID, "status")

    info = build.info(api, run)
    assert info["status"] == "RUNNING"
    assert info["run_name"] != "changed"


@pytest.mark.parametrize("given", [99, -1])
def test_unknown_enum_numbers(api: Api, run: str, given: int) -> None:
    refused(api.post("runs/update", {"run_id": run, "status": given}))


@differs("an unknown enum value is refused, not passed over")
@pytest.mark.parametrize("given", ["bogus", "active_only", 0, 4, 1.5], ids=repr)
def test_unknown_view_types(api: Api, experiment: str, given: object) -> None:
    runs = {"experiment_ids": [experiment], "run_view_type": given}

    refused(api.post("runs/search", runs), INVALID, "run_view_type")
    refused(
        api.post("experiments/search", {"view_type": given, "max_results": 1}), INVALID, "view_type"
    )
