"""Clients of servers that others name: each connection goes to an address that was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.http.client import HttpClient, Options, Tls
from millrace.http.outbound import check, resolve

if TYPE_CHECKING:
    from millrace.http.outbound import Policy


def judged_client(text: str, rules: Policy) -> HttpClient:
    """A client of the server at a URL. The name is resolved anew for each connection, and all its
    addresses are judged. Raises `InvalidArgument` for a URL that may not be called (now)."""
    url = check(text, rules)
    return HttpClient(
        text,
        dict,
        Options(
            tls=Tls(ca_file=rules.ca_file),
            addresses=lambda: [str(one) for one in resolve(url, rules)],
        ),
    )
