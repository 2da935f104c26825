"""What a model server says of itself, before anybody hears it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from millrace.core.errors import InvalidArgument
from millrace.serving.announcing import address
from millrace.serving.config import ServingConfig


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_a_server_that_listens_everywhere_is_found_by_the_name_of_its_machine(host: str) -> None:
    assert address(f"http://{host}:5001") == f"http://{socket.gethostname()}:5001"


@pytest.mark.parametrize("url", ["http://127.0.0.1:5001", "http://[::1]:5001", "http://gpu-3:80"])
def test_any_other_address_is_as_it_was_given(url: str) -> None:
    assert address(url) == url


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"lease_s": 0.5}, "SERVED_LEASE_SECONDS must be 0, or 1 to 3600; it is 0.5"),
        ({"lease_s": 3601.0}, "it is 3601"),
        ({"public_url": "ftp://gpu-3"}, "begins with http"),
    ],
)
def test_what_the_registry_would_refuse_is_refused_at_once(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidArgument, match=why):
        ServingConfig(folder="m", **options)
