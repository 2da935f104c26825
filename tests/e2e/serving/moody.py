"""A model that does as its rows say, for tests of what becomes of a server then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import millrace.pyfunc
import pandas as pd

from millrace.models import set_model


class Moody(millrace.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return [self.done(text) for text in model_input["do"]]

    def done(self, text: str) -> str:
        verb, _, what = text.partition(":")
        match verb:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "wait":
                time.sleep(float(what))  # a model that computes for long
            case "hold":
                # Says that it has begun, then waits for the word to go on.
                Path(f"{what}.begun").touch()
                while not Path(f"{what}.go").exists():
                    time.sleep(0.005)
            case "refuse":
                raise ValueError("no such thing")
            case "break":
                raise RuntimeError("a secret of the inside")
            case "environment":
                return " ".join(sorted(os.environ))
            case "pid":
                return str(os.getpid())
        return text


set_model(Moody())
