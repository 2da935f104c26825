"""Writes what the pages are to show, through the public API."""

from __future__ import annotations

import base64
import json
import math
import urllib.error
import urllib.request
import zlib
from typing import Any

# A batch takes 1,000 metrics, params and tags together.
BATCH = 900


class Api:
    """A server's API, as plain calls."""

    def __init__(self, url: str, *, user: str | None = None) -> None:
        self.url = url
        self._named = {"x-millrace-user": user} if user else {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """POST to a path below `/api/2.0/mlflow/`, or to a whole one that begins with a slash."""
        return self._send("POST", path, body)

    def patch(self, path: str, **body: Any) -> dict[str, Any]:
        """PATCH, as `post`."""
        return self._send("PATCH", path, body)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + _whole(path),
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"} | self._named,
            method=method,
        )
        try:
            with self._opener.open(request, timeout=30) as reply:
                return dict(json.load(reply))
        except urllib.error.HTTPError as refused:
            refused.add_note(refused.read().decode())
            raise

    def get(self, path: str) -> dict[str, Any]:
        """GET a path, as `post`."""
        with self._opener.open(self.url + _whole(path), timeout=30) as reply:
            return dict(json.load(reply))

    def put(self, run: dict[str, Any], path: str, content: bytes) -> None:
        """Make *content* an artifact of *run*."""
        root = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{root}/{path}",
            data=content,
            headers=self._named,
            method="PUT",
        )
        with self._opener.open(request, timeout=60):
            pass

    def experiment(self, name: str, **tags: str) -> str:
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        made = self.post("experiments/create", name=name, tags=listed)
        return str(made["experiment_id"])

    def run(
        self,
        experiment: str,
        name: str,
        *,
        params: dict[str, str] | None = None,
        metrics: dict[str, float | list[float]] | None = None,
        tags: dict[str, str] | None = None,
        status: str | None = "FINISHED",
        start_ms: int = 1_760_000_000_000,
        user: str = "ada",
    ) -> dict[str, Any]:
        """A run with all that; a list of values is a series by step. *status* None: it goes on."""
        made = self.post(
            "runs/create",
            experiment_id=experiment,
            run_name=name,
            user_id=user,
            start_time=start_ms,
            tags=entries(tags or {}),
        )["run"]
        points = [
            {"key": key, "value": spelt(value), "step": step, "timestamp": start_ms + 1000 * step}
            for key, values in (metrics or {}).items()
            for step, value in enumerate(values if isinstance(values, list) else [values])
        ]
        run_id = made["info"]["run_id"]
        for at in range(0, max(len(points), 1), BATCH):
            self.post(
                "runs/log-batch",
                run_id=run_id,
                metrics=points[at : at + BATCH],
                params=entries(params or {}) if at == 0 else [],
            )
        if status is not None:
            end = start_ms + 90_000
            self.post("runs/update", run_id=run_id, status=status, end_time=end)
        return dict(made)


def _whole(path: str) -> str:
    return path if path.startswith("/") else f"/api/2.0/mlflow/{path}"


def spelt(value: float) -> float | str:
    """A number as JSON has it; those that it has not are words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def entries(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


def packed_view(**view: Any) -> str:
    """What the address of an experiment says of what it shows, as `s`."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(json.dumps({"v": 1, **view}).encode()) + packer.flush()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def own_panel(kind: str, *keys: str, **settings: Any) -> dict[str, Any]:
    """A view's document of panels with one of one's own, as large as its section."""
    panel = {"id": "own:1", "kind": kind, "title": kind, "keys": keys, "settings": settings}
    return {"version": 1, "own": [panel | {"w": 12, "h": 6}]}
