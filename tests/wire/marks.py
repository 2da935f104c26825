"""The mark for deliberate differences, short enough to stand beside a case in a table."""

from __future__ import annotations

import pytest


def differs(reason: str) -> pytest.MarkDecorator:
    """We answer otherwise than MLflow, because of *reason*; skipped when it is the server."""
    return pytest.mark.differs(reason)
