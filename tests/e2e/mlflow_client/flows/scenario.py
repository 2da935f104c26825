"""What the scripts beside this one are made of: scenarios, and the few things all of them need."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

Scenario = Callable[[], Any]
SCENARIOS: dict[tuple[str, str], Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Add *function*, which takes nothing and returns something JSON can hold, to its script."""
    SCENARIOS[function.__module__, function.__name__] = function
    return function


def new_name(stem: str = "flow") -> str:
    """Return a name nobody has used, so that a script may run again on the same server."""
    return f"{stem}-{uuid.uuid4().hex[:10]}"


def new_experiment(stem: str = "flow", **options: Any) -> str:
    """Create an experiment with a name nobody has used; return its id."""
    return MlflowClient().create_experiment(new_name(stem), **options)


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Call *function*; return the error code of the exception it raises, None when it succeeds."""
    try:
        function(*args, **kwargs)
    except MlflowException as error:
        return error.error_code
    return None
