from __future__ import annotations

import math

import pandas as pd
import pytest

from millrace.client.frames import runs_frame
from millrace.core.entities.entity import pairs
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Run, RunData, RunInfo


def run(number: int, *, start: int = 0, end: int | None = None, **data: dict) -> Run:
    run_id = f"{number:032x}"
    info = RunInfo(
        run_id=run_id,
        run_uuid=run_id,
        experiment_id="1",
        run_name="n",
        user_id="u",
        status="FINISHED",
        start_time=start,
        end_time=end,
        artifact_uri="a",
        lifecycle_stage="active",
    )
    metrics = tuple(
        Metric(key=key, value=value, timestamp=0, step=0)
        for key, value in data.get("metrics", {}).items()
    )
    return Run(
        info=info,
        data=RunData(
            metric_list=metrics,
            param_list=pairs(data.get("params", {})),
            tag_list=pairs(data.get("tags", {})),
        ),
    )


def test_the_columns_are_the_fields():
    frame = runs_frame(
        [
            run(1, metrics={"m": 1.5}, params={"p": "x"}, tags={"t": "1"}),
            run(2, metrics={"n": math.inf}, params={"q": ""}),
        ]
    )

    assert list(frame.columns) == [
        "run_id",
        "experiment_id",
        "status",
        "artifact_uri",
        "start_time",
        "end_time",
        "metrics.m",
        "metrics.n",
        "params.p",
        "params.q",
        "tags.t",
    ]
    assert frame["metrics.m"].dtype == "float64"
    assert frame["metrics.m"].tolist()[0] == 1.5
    assert math.isnan(frame["metrics.m"].tolist()[1])
    assert frame["metrics.n"].tolist()[1] == math.inf
    assert list(frame["params.p"].isna()) == [False, True]
    assert frame["params.q"].tolist()[1] == ""


def test_times_are_in_utc():
    frame = runs_frame([run(1, start=1_700_000_000_123)])

    assert frame["start_time"][0] == pd.Timestamp("2023-11-14T22:13:20.123Z")
    assert str(frame["start_time"].dt.tz) == "UTC"
    assert frame["end_time"].isna().all()


@pytest.mark.parametrize("time_ms", [2**63 - 1, -(2**63), 253_402_300_800_000])
def test_a_time_that_no_calendar_knows_is_none(time_ms: int):
    frame = runs_frame([run(1, start=time_ms, end=time_ms)])

    assert frame["start_time"].isna().all()
    assert frame["end_time"].isna().all()
    assert str(frame)


def test_no_runs_are_an_empty_frame():
    frame = runs_frame([])

    assert len(frame) == 0
    assert "start_time" in frame.columns
