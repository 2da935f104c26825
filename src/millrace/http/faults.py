"""What can go wrong on the way, beyond what servers say. Apart from the client: cheap to import."""

from __future__ import annotations

from millrace.core.errors import Unavailable


class Untrusted(Unavailable):
    """The server's certificate could not be verified; trying again will not help."""
