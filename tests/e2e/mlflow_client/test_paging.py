"""Searches that need more than one page."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_pages_skip_and_repeat_no_run(flow):
    assert flow("many_runs") == {
        "pages": [1_000, 99, None],
        "each_once": True,
        "in_order": True,
        "by_metric_each_once": True,
        "by_metric": [6] * 7 + [5] * 2,
        "frame": [1_099, 1_099],
        "deleted": 1,
        "filtered": 10,
    }
