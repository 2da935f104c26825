"""What examples and predictions become in JSON."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from millrace.models.example import plain


@pytest.mark.parametrize("absent", [None, float("nan"), pd.NaT, pd.NA, np.float64("nan")])
def test_what_is_absent_is_null(absent: object):
    assert plain([absent]) == [None]


def test_times_are_text():
    assert plain(dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)) == "2026-01-02T03:00:00+00:00"
    assert plain(pd.Series([pd.Timestamp("2026-01-02"), pd.NaT])) == ["2026-01-02T00:00:00", None]
