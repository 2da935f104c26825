"""How much a search may ask for, and what a view is."""

from __future__ import annotations

import pytest

from millrace.core.errors import InvalidArgument
from millrace.core.rules import searching


@pytest.mark.parametrize(("value", "found"), [(None, 7), (1, 1), (7, 7), (10, 10)])
def test_a_limit(value: int | None, found: int) -> None:
    assert searching.limit(value, default=7, most=10) == found


@pytest.mark.parametrize("value", [-(2**63), -1, 0, 11, 2**63 - 1])
def test_no_limit(value: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        searching.limit(value, default=7, most=10)

    assert f"Invalid value {value} for parameter 'max_results'" in caught.value.message
    assert "from 1 to 10" in caught.value.message


@pytest.mark.parametrize(
    ("value", "view"),
    [
        (None, "ACTIVE_ONLY"),
        (1, "ACTIVE_ONLY"),
        (2, "DELETED_ONLY"),
        (3, "ALL"),
        ("ACTIVE_ONLY", "ACTIVE_ONLY"),
        ("DELETED_ONLY", "DELETED_ONLY"),
        ("ALL", "ALL"),
    ],
)
def test_a_view(value: str | int | None, view: str) -> None:
    assert searching.view(value) == view  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, 0, 4])
def test_no_view(value: int) -> None:
    with pytest.raises(InvalidArgument, match="1 ACTIVE_ONLY, 2 DELETED_ONLY, 3 ALL"):
        searching.view(value, "run_view_type")
