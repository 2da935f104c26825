"""Paging: whatever there is comes once, and no more is asked for than is wanted."""

from __future__ import annotations

import pytest

from millrace.cli.records import every
from millrace.client.client import PagedList


class Shelf:
    """Numbers, three on a page; remembers which pages were asked for."""

    def __init__(self, count: int) -> None:
        self.numbers = list(range(count))
        self.asked: list[str | None] = []

    def page(self, token: str | None) -> PagedList[int]:
        self.asked.append(token)
        start = int(token or 0)
        end = start + 3
        return PagedList(self.numbers[start:end], str(end) if end < len(self.numbers) else None)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_pages_come_as_one(count: int) -> None:
    shelf = Shelf(count)

    assert list(every(shelf.page)) == shelf.numbers


@pytest.mark.parametrize(("limit", "pages"), [(1, 1), (3, 1), (4, 2), (100, 3)])
def test_a_limit_ends_it(limit: int, pages: int) -> None:
    shelf = Shelf(7)

    assert list(every(shelf.page, limit)) == shelf.numbers[:limit]
    assert len(shelf.asked) == pages
