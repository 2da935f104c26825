"""Identifiers: their form, and that no two are the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import ids


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (ids.run_id, r"[0-9a-f]{32}"),
        (ids.logged_model_id, r"m-[0-9a-f]{32}"),
        (ids.dataset_id, r"d-[0-9a-f]{32}"),
        (ids.record_id, r"dr-[0-9a-f]{32}"),
        (ids.request_id, r"[0-9a-f]{20}"),
    ],
)
def test_ids_have_one_form_and_do_not_repeat(make: Callable[[], str], form: str) -> None:
    made = [make() for _ in range(1_000)]

    assert all(re.fullmatch(form, one) for one in made)
    assert len(set(made)) == len(made)


def test_names_of_runs_are_readable_and_various() -> None:
    made = [ids.run_name() for _ in range(1_000)]

    assert all(re.fullmatch(r"[a-z]+-[a-z]+-[0-9]{1,3}", one) for one in made)
    assert len(set(made)) > 990


def test_a_derived_id_is_always_the_same() -> None:
    """It is written down here, because a retry may come from another release."""
    assert ids.derived_run_id("ada", "key-1") == "271c163fb7bb7f38ef1908874c9d3547"


@given(one=st.lists(st.text(), max_size=3), other=st.lists(st.text(), max_size=3))
def test_derived_ids_differ_with_their_parts(one: list[str], other: list[str]) -> None:
    made = [ids.derived_run_id(*parts) for parts in (one, other)]

    assert all(re.fullmatch(r"[0-9a-f]{32}", derived) for derived in made)
    if "\0".join(one) != "\0".join(other):
        assert made[0] != made[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_processes_do_not_repeat_each_other() -> None:
    """Workers come from one parent; they must not all count on from its state."""
    code = """
import os
from millrace.core import ids
ids.request_id(), ids.run_name()
for child in range(3):
    if os.fork() == 0:
        print(ids.request_id(), ids.run_name(), flush=True)
        os._exit(0)
    os.wait()
print(ids.request_id(), ids.run_name())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    lines = [line.split() for line in done.stdout.splitlines()]
    assert len({request for request, _ in lines}) == 4
    assert len({name for _, name in lines}) == 4
