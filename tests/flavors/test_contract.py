"""The contract of a flavor, asked of every flavor that there is."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import millrace
from millrace.models import Model
from millrace.models.trust import UntrustedModel
from tests.flavors.zoo import Case, flavor_of
from tests.services import clean_environment


def plain(found: Any) -> Any:
    """Predictions of any form as plain numbers."""
    if isinstance(found, pd.DataFrame) and "yhat" in found:
        found = found[["yhat"]]
    if isinstance(found, pd.DataFrame) and "predictions" in found:
        found = [list(one.values()) for one in found["predictions"]]
    if isinstance(found, pd.DataFrame) and "score" in found:
        return [[label, round(score, 5)] for label, score in found.to_numpy().tolist()]
    if isinstance(found, dict):
        return {name: plain(one) for name, one in found.items()}
    if (
        isinstance(found, list)
        and found
        and isinstance(found[0], list)
        and isinstance(found[0][0], str)
    ):
        return found
    found = np.asarray(found)
    return (found.astype("float64").round(5) if found.dtype.kind in "fiu" else found).tolist()


def module(name: str, case: Case) -> Any:
    return importlib.import_module(f"millrace.flavors.{flavor_of(name, case)}")


@pytest.fixture
def saved(name: str, case: Case, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    module(name, case).save_model(case.model, folder, input_example=case.data[:2], **case.options)
    return folder


def test_what_was_saved_predicts_the_same(name: str, case: Case, saved: Path):
    expected = plain(case.predict(case.model, case.data))

    native = module(name, case).load_model(saved)
    generic = millrace.pyfunc.load_model(saved)

    if name != "onnx":
        assert plain(case.predict(native, case.data)) == expected
    assert plain(generic.predict(case.data)) == expected


def test_the_folder_says_what_it_is(name: str, case: Case, saved: Path):
    model = Model.load(saved)
    flavor = flavor_of(name, case)

    assert {flavor, "python_function"} <= model.flavors.keys()
    assert model.flavors["python_function"]["loader_module"] == f"mlflow.{flavor}"
    assert model.signature is not None
    assert model.signature.inputs is not None
    assert model.signature.outputs is not None
    assert {"conda.yaml", "python_env.yaml", "requirements.txt", "input_example.json"} <= {
        one.name for one in saved.iterdir()
    }
    assert f"\n{case.requires}==" in (saved / "requirements.txt").read_text()
    assert bool(model.scan) is not case.is_safe or flavor in {"pytorch", "spark"}


def test_the_stored_example_gives_the_stored_output(case: Case, saved: Path):
    loaded = millrace.pyfunc.load_model(saved)
    example = loaded.metadata.example(saved)

    output = loaded.predict(example.data, example.params)

    kept = json.loads((saved / "output_example.json").read_text())
    if isinstance(kept, dict) and "columns" in kept:
        kept, output = pd.DataFrame(kept["data"], columns=kept["columns"]), pd.DataFrame(output)
    assert plain(kept) == plain(output)


PROBE = """
import json, sys
import numpy as np
import millrace
from millrace.models.trust import UntrustedModel
from tests.flavors.test_contract import plain
try:
    model = millrace.pyfunc.load_model(sys.argv[1], trusted=json.loads(sys.argv[2]))
except UntrustedModel as error:
    print("UNTRUSTED", error.message)
else:
    example = model.metadata.example(sys.argv[1])
    print("PREDICTED", json.dumps(plain(model.predict(example.data))))
"""


def test_somebody_else_loads_it_if_it_is_safe_or_trusted(
    name: str, case: Case, saved: Path, tmp_path: Path
):
    """In a process, and as a user, that never saw it."""
    expected = json.dumps(plain(case.predict(case.model, case.data[:2])))

    def load(word: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, saved, word],
            env=clean_environment(
                MILLRACE_DATA_DIR=str(tmp_path / "other"), PYTHONPATH=":".join(sys.path)
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().rpartition("\n")[2]

    unasked = load("null")

    if case.is_safe:
        assert unasked == f"PREDICTED {expected}"
    else:
        assert fnmatch(unasked, f"UNTRUSTED {case.trusts_nothing} of *")
        assert "trusted=True" in unasked
        assert load("true") == f"PREDICTED {expected}"


def test_it_is_logged_registered_and_loaded_by_alias(
    name: str, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """By its own author, who needs no extra word for it, safe or not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_TRACKING_URI", f"sqlite:///{tmp_path}/millrace.db")
    with millrace.start_run() as run:
        millrace.log_param("depth", 2)
        info = module(name, case).log_model(
            case.model, name="zoo", registered_model_name="zoo", **case.options
        )
        older = module(name, case).log_model(case.model, "older", **case.options)
    client = millrace.MillraceClient()
    client.set_registered_model_alias("zoo", "champion", 1)

    logged = client.get_logged_model(info.model_id)
    assert (logged.info.status, logged.info.source_run_id) == (
        "LOGGED_MODEL_READY",
        run.info.run_id,
    )
    assert logged.data.params == {"depth": "2"}
    assert info.registered_model_version == 1
    for uri in (info.model_uri, older.model_uri, "models:/zoo@champion", "models:/zoo/1"):
        loaded = millrace.pyfunc.load_model(uri)
        assert plain(loaded.predict(case.data)) == plain(case.predict(case.model, case.data)), uri


def test_another_librarys_model_is_refused(name: str, case: Case, tmp_path: Path):
    if flavor_of(name, case) == "sklearn":
        pytest.skip("it keeps whatever behaves as its estimators do")
    with pytest.raises(millrace.MillraceError, match="object"):
        module(name, case).save_model(object(), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_damaged_file_is_not_loaded_as_ones_own(name: str, case: Case, saved: Path):
    """What was changed since it was saved is somebody else's."""
    if case.is_safe:
        pytest.skip("it is read whoever wrote it")
    [path] = saved.glob(case.trusts_nothing)
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(UntrustedModel):
        millrace.pyfunc.load_model(saved)


def test_weights_come_back_by_themselves(name: str, case: Case, tmp_path: Path):
    door = module(name, case)
    if not hasattr(door, "save_state_dict"):
        pytest.skip("its models have no weights apart")
    weights = case.model.state_dict()

    door.save_state_dict(weights, tmp_path / "w")

    found = door.load_state_dict(tmp_path / "w")
    assert found.keys() == weights.keys()
    assert all(plain(found[key]) == plain(weights[key]) for key in weights)
