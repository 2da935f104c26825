"""Model servers of our own, and models to serve."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import millrace.pyfunc
import millrace.sklearn
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from millrace.client.client import MillraceClient
from millrace.models import infer_signature
from millrace.models.signature import ModelSignature
from millrace.models.types import ColSpec, DataType, Schema
from tests.e2e.client.servers import Server as Tracker
from tests.services import LOOPBACK, Process, answers, clean_environment, free_port

HERE = Path(__file__).parent
DEADLINE_S = 30.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """`millrace models serve` on a free port."""

    def __init__(
        self,
        model: Path | str,
        folder: Path,
        *options: str,
        ready_s: float = 90,
        waits_for: str = "/ping",
        **environment: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.log = folder / f"serve-{self.port}.log"
        where = ["--model-uri", str(model), "--host", LOOPBACK, "--port", str(self.port)]
        self.process = Process(
            [sys.executable, "-m", "millrace", "models", "serve", *where, "--trusted", *options],
            self.log,
            lambda: answers(f"{self.url}{waits_for}"),
            timeout_s=ready_s,
            cwd=folder,
            env=clean_environment(**environment),
        )
        self.child = self.process.child

    def ask(
        self, path: str, body: Any = None, *, timeout_s: float = DEADLINE_S, **headers: str
    ) -> Reply:
        """GET, or POST of *body*: JSON unless it is bytes."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            sent.setdefault("content-type", "application/json")
        request = urllib.request.Request(self.url + path, raw, sent)
        try:
            with _OPENER.open(request, timeout=timeout_s) as reply:
                return Reply(reply.status, reply.read(), reply.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), error.headers)

    def do(self, *texts: str, **options: Any) -> Reply:
        """Have the moody model do it."""
        return self.ask(
            "/invocations", {"dataframe_records": [{"do": one} for one in texts]}, **options
        )

    def later(self, *texts: str) -> Callable[[], Reply]:
        """The same beside us; what is returned waits for the answer."""
        found: list[Reply] = []

        def work() -> None:
            with contextlib.suppress(OSError):  # the server is gone
                found.append(self.do(*texts))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def reply() -> Reply:
            thread.join(DEADLINE_S)
            return found[0]

        return reply

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        for line in self.ask("/metrics").body.decode().splitlines():
            if line.startswith(f"millrace_serving_{name} "):
                return float(line.partition(" ")[2])
        raise AssertionError(name)

    def models(self) -> list[psutil.Process]:
        """The model processes."""
        return psutil.Process(self.child.pid).children()


def until(holds: Callable[[], object]) -> None:
    """Wait until *holds()*."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def moody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows say what happens."""
    folder = tmp_path_factory.mktemp("models") / "moody"
    millrace.pyfunc.save_model(
        folder,
        python_model=str(HERE / "moody.py"),
        signature=ModelSignature(Schema((ColSpec(DataType.string, "do"),))),
        input_example=pd.DataFrame({"do": ["hello"]}),
        pip_requirements=[],
    )
    return folder


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scikit-learn pipeline that takes a frame of two doubles: its prediction is a + 2 b."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    estimator = make_pipeline(StandardScaler(), LinearRegression()).fit(
        frame, frame["a"] + 2 * frame["b"]
    )
    folder = tmp_path_factory.mktemp("models") / "linear"
    millrace.sklearn.save_model(
        estimator,
        folder,
        signature=infer_signature(frame, estimator.predict(frame)),
        input_example=frame.head(2),
        pip_requirements=["scikit-learn"],
    )
    return folder


@pytest.fixture(scope="module")
def served(linear: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the linear model."""
    server = Server(linear, tmp_path_factory.mktemp("served"), "--max-body", "1000000")
    yield server
    server.process.stop()


@pytest.fixture(scope="session")
def registry(linear: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """A tracking server with two versions of the linear model, the first of them the champion."""
    tracker = Tracker(tmp_path_factory.mktemp("registry"))
    tracker.start()
    client = MillraceClient(tracking_uri=tracker.url)
    run_id = client.create_run("0").info.run_id
    client.log_artifacts(run_id, str(linear), "model")
    client.create_registered_model("line")
    for _ in range(2):
        client.create_model_version("line", f"runs:/{run_id}/model", run_id)
    client.set_registered_model_alias("line", "champion", 1)
    client.transition_model_version_stage("line", 2, "Production")
    yield tracker
    tracker.stop()
